"""VGG16's first layers: the file they come from, and the activations against SciPy."""

import h5py
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import signal

from s2c_jax.errors import UserError
from s2c_jax.models import vgg16

SHAPES = {
    "block1_conv1": (3, 64),
    "block1_conv2": (64, 64),
    "block2_conv1": (64, 128),
    "block2_conv2": (128, 128),
}


def write(path, shapes=SHAPES, pattern="{layer}/{layer}_{letter}_1:0"):
    rng = np.random.default_rng(0)
    with h5py.File(path, "w") as file:
        for layer, (inputs, outputs) in shapes.items():
            kernel = rng.normal(0, 0.05, (3, 3, inputs, outputs)).astype(np.float32)
            bias = rng.normal(0, 0.05, outputs).astype(np.float32)
            file[pattern.format(layer=layer, letter="W")] = kernel
            file[pattern.format(layer=layer, letter="b")] = bias
        file["block3_conv1/other"] = np.zeros(3)
    return path


def block2_conv2(path, pictures):
    """The same activations in float64, by SciPy's correlation."""
    x = (pictures[..., ::-1].astype(np.float64) + 1) * 127.5 - [103.939, 116.779, 123.68]
    with h5py.File(path) as file:
        for layer in SHAPES:
            kernel, bias = (np.asarray(file[f"{layer}/{layer}_{c}_1:0"]) for c in "Wb")
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


def test_features_are_block2_conv2(tmp_path):
    path = write(tmp_path / "vgg16.h5")
    pictures = np.random.default_rng(1).uniform(-1, 1, (2, 8, 8, 3)).astype(np.float32)
    actual = vgg16.features(vgg16.load_weights(path), jnp.asarray(pictures))
    assert actual.shape == (2, 4, 4, 128)
    expected = block2_conv2(path, pictures)
    np.testing.assert_allclose(actual, expected, rtol=1e-4, atol=1e-5 * expected.max())


def test_the_pictures_gradient_flows_through(tmp_path):
    weights = vgg16.load_weights(write(tmp_path / "vgg16.h5"))
    gradient = jax.grad(lambda x: vgg16.features(weights, x).sum())(jnp.zeros((1, 8, 8, 3)))
    assert np.abs(gradient).max() > 0


def test_newer_keras_names_are_found_too(tmp_path):
    path = write(tmp_path / "vgg16.h5", pattern="{layer}/{layer}/{letter}:0")
    assert vgg16.load_weights(path)["block2_conv2"]["kernel"].shape == (3, 3, 128, 128)


def test_a_wrong_file_is_named_in_one_line(tmp_path):
    (tmp_path / "text.h5").write_text("no HDF5")
    files = {
        "there is no file": tmp_path / "missing.h5",
        "not a readable HDF5 file": tmp_path / "text.h5",
        "block2_conv2 has shapes": write(
            tmp_path / "narrow.h5", {**SHAPES, "block2_conv2": (128, 64)}
        ),
        "does not hold VGG16": write(tmp_path / "half.h5", {"block1_conv1": (3, 64)}),
    }
    for message, path in files.items():
        with pytest.raises(UserError, match=message) as raised:
            vgg16.load_weights(path)
        assert str(path) in str(raised.value)
        assert "\n" not in str(raised.value)
