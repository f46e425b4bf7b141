"""VGG16: the files that it is read from, and its activations against SciPy's."""

import hashlib

import h5py
import jax
import jax.numpy as jnp
import numpy as np
import pooch
import pytest
import safetensors.numpy
from scipy import signal

from s2c_jax.errors import UserError
from s2c_jax.pretrained import vgg16
from tests.support.trees import assert_trees_equal

LAYERS = {
    "block1_conv1": ("features.0", 3, 64),
    "block1_conv2": ("features.2", 64, 64),
    "block2_conv1": ("features.5", 64, 128),
    "block2_conv2": ("features.7", 128, 128),
}


def random_arrays():
    rng = np.random.default_rng(0)
    return {
        layer: (
            rng.normal(0, 0.05, (3, 3, inputs, outputs)).astype(np.float32),
            rng.normal(0, 0.05, outputs).astype(np.float32),
        )
        for layer, (_, inputs, outputs) in LAYERS.items()
    }


def write_keras(path, arrays, pattern="{layer}/{layer}_{letter}_1:0"):
    with h5py.File(path, "w") as file:
        for layer, (kernel, bias) in arrays.items():
            file[pattern.format(layer=layer, letter="W")] = kernel
            file[pattern.format(layer=layer, letter="b")] = bias
        file["block3_conv1/other"] = np.zeros(3)
    return path


def write_torchvision(path, arrays):
    tensors = {"classifier.0.bias": np.zeros(3, np.float32)}
    for layer, (kernel, bias) in arrays.items():
        name = LAYERS[layer][0]
        tensors[f"{name}.weight"] = np.ascontiguousarray(kernel.transpose(3, 2, 0, 1))
        tensors[f"{name}.bias"] = bias
    safetensors.numpy.save_file(tensors, path)
    return path


def block2_conv2(arrays, x):
    """Computes the activations in float64 by SciPy's correlation; x is the first layer's input."""
    for layer, (kernel, bias) in arrays.items():
        x = np.stack(
            [
                signal.correlate(
                    np.pad(one, ((1, 1), (1, 1), (0, 0))), kernel[..., o], mode="valid"
                )[..., 0]
                + bias[o]
                for one in x
                for o in range(kernel.shape[-1])
            ],
            axis=-1,
        ).reshape(*x.shape[1:3], len(x), -1)
        x = np.maximum(x.transpose(2, 0, 1, 3), 0)
        if layer == "block1_conv2":
            n, h, w, c = x.shape
            x = x.reshape(n, h // 2, 2, w // 2, 2, c).max(axis=(2, 4))
    return x


PICTURES = np.random.default_rng(1).uniform(-1, 1, (2, 8, 8, 3)).astype(np.float32)


def keras_input(pictures):
    levels = (pictures.astype(np.float64) + 1) * 127.5
    return levels[..., ::-1] - [103.939, 116.779, 123.68]


def torchvision_input(pictures):
    shares = (pictures.astype(np.float64) + 1) / 2
    return (shares - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]


# Both files have the same name: the loader goes by their content.
@pytest.mark.parametrize(
    ("write", "preprocess"),
    [(write_keras, keras_input), (write_torchvision, torchvision_input)],
)
def test_features_are_block2_conv2_of_both_kinds_of_file(tmp_path, write, preprocess):
    arrays = random_arrays()
    network = vgg16.load(str(write(tmp_path / "weights", arrays)))
    actual = vgg16.features(network, jnp.asarray(PICTURES))
    assert actual.shape == (2, 4, 4, 128)
    expected = block2_conv2(arrays, preprocess(PICTURES))
    np.testing.assert_allclose(actual, expected, rtol=1e-4, atol=1e-5 * expected.max())


def test_features_have_a_gradient_by_the_pictures():
    network = vgg16.random()
    total = jax.jit(lambda x: vgg16.features(network, x).sum())
    gradient = jax.grad(total)(jnp.zeros((1, 8, 8, 3)))
    assert np.abs(gradient).max() > 0


def test_random_network_is_always_the_same_and_keeps_the_size_of_activations():
    network = vgg16.load("random")
    assert_trees_equal(network, vgg16.random())
    root = float(jnp.sqrt(jnp.square(vgg16.features(network, jnp.asarray(PICTURES))).mean()))
    assert 0.3 < root < 3


def test_newer_keras_names_are_read(tmp_path):
    arrays = random_arrays()
    path = write_keras(tmp_path / "vgg16.h5", arrays, pattern="{layer}/{layer}/{letter}:0")
    network = vgg16.load(str(path))
    np.testing.assert_array_equal(network.convs[3].kernel, arrays["block2_conv2"][0])


def test_wrong_file_is_refused_in_one_line_with_its_path(tmp_path):
    (tmp_path / "text.h5").write_text("no HDF5")
    (tmp_path / "short").write_bytes(b"{{{")
    with h5py.File(tmp_path / "flat.h5", "w") as file:
        file["block1_conv1"] = 1.0
    (tmp_path / "cut.h5").write_bytes(b"\x89HDF\r\n\x1a\n and no more")
    narrow = random_arrays()
    narrow["block2_conv2"] = tuple(part[..., :64] for part in narrow["block2_conv2"])
    first = {"block1_conv1": random_arrays()["block1_conv1"]}
    whole = write_torchvision(tmp_path / "whole", random_arrays()).read_bytes()
    (tmp_path / "cut.safetensors").write_bytes(whole[:-1000])
    files = {
        "there is no file": tmp_path / "missing.h5",
        "is neither HDF5": tmp_path / "text.h5",
        "short is neither HDF5": tmp_path / "short",
        "flat.h5 does not hold VGG16": tmp_path / "flat.h5",
        "cannot be read": tmp_path / "cut.h5",
        "block2_conv2 has shapes": write_keras(tmp_path / "narrow.h5", narrow),
        "features.7.weight has shape": write_torchvision(tmp_path / "narrow", narrow),
        "does not hold VGG16": write_keras(tmp_path / "half.h5", first),
        "there is no features.2.weight": write_torchvision(tmp_path / "half", first),
        "deserializing header": tmp_path / "cut.safetensors",
    }
    for message, path in files.items():
        with pytest.raises(UserError, match=message) as raised:
            vgg16.load(str(path))
        assert str(path) in str(raised.value)
        assert "\n" not in str(raised.value)


def test_download_happens_once_and_checks_the_checksum(tmp_path, monkeypatch):
    arrays = random_arrays()
    served = write_keras(tmp_path / "served.h5", arrays)
    fetched = []

    def download(url, output_file, *_):
        fetched.append(url)
        with open(output_file, "wb") as file:
            file.write(served.read_bytes())

    monkeypatch.setattr(pooch, "os_cache", lambda name: tmp_path / name)
    monkeypatch.setattr(pooch.core, "choose_downloader", lambda *_, **__: download)
    with pytest.raises(UserError, match="could not fetch https://.*notop.h5.*or take 'random'$"):
        vgg16.load("download")
    assert not list((tmp_path / "s2c_jax").iterdir())

    monkeypatch.setattr(vgg16, "_KERAS_HASH", "md5:" + hashlib.md5(served.read_bytes()).hexdigest())
    for _ in range(2):
        network = vgg16.load("download")
        np.testing.assert_array_equal(network.convs[1].kernel, arrays["block1_conv2"][0])
    # The refused download, and one download for the two loads.
    assert fetched == [vgg16._KERAS_URL] * 2
