"""LPIPS: its two files, its laws and its formula; tests/parity compares its numbers."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import safetensors.numpy

from s2c_jax.errors import UserError
from s2c_jax.pretrained import lpips, vgg16
from s2c_jax.pretrained.weight_files import ConvWeights
from tests.support.lpips import CONVS, linear_tensors, vgg_tensors


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("lpips")
    safetensors.numpy.save_file(vgg_tensors(), folder / "vgg")
    safetensors.numpy.save_file(linear_tensors(), folder / "linear")
    return str(folder / "vgg"), str(folder / "linear")


@pytest.fixture(scope="module")
def network(files):
    return lpips.load(vgg16.load_torchvision(files[0]), files[1])


distance = jax.jit(lpips.distance)
A, B = jnp.asarray(np.random.default_rng(2).uniform(-1, 1, (2, 3, 16, 16, 3)), jnp.float32)


def test_load_reads_all_tensors_of_both_files(network):
    tensors = vgg_tensors()
    assert len(network.vgg.convs) == len(CONVS)
    for i, (kernel, bias) in zip(CONVS, network.vgg.convs):
        np.testing.assert_array_equal(kernel.transpose(3, 2, 0, 1), tensors[f"features.{i}.weight"])
        np.testing.assert_array_equal(bias, tensors[f"features.{i}.bias"])
    for weights, expected in zip(network.linear, linear_tensors().values()):
        np.testing.assert_array_equal(weights, expected.ravel())


def test_pictures_are_scaled_by_the_authors_constants(network):
    x = np.linspace(-1, 1, 5)[:, None]
    shift, scale = np.array([[-0.030, -0.088, -0.188], [0.458, 0.448, 0.450]])
    np.testing.assert_allclose(
        x * network.vgg.scale + network.vgg.offset, (x - shift) / scale, atol=1e-6
    )


def test_distance_is_the_papers_formula(network):
    blocks = jax.jit(vgg16.block_activations)(network.vgg, jnp.concatenate([A, B]))
    expected = np.zeros(3)
    for activations, weights in zip(blocks, network.linear):
        a, b = np.split(np.asarray(activations, np.float64), 2)
        assert a.shape[-1] == len(weights)
        for i in np.ndindex(a.shape[:3]):
            one, other = a[i] / np.linalg.norm(a[i]), b[i] / np.linalg.norm(b[i])
            expected[i[0]] += weights @ (one - other) ** 2 / (a.shape[1] * a.shape[2])
    np.testing.assert_allclose(distance(network, A, B), expected, rtol=1e-4)


def test_distance_is_positive_symmetric_and_zero_for_equal_pictures(network):
    apart, back = distance(network, A, B), distance(network, B, A)
    assert apart.shape == (3,)
    assert (apart > 0.01).all()
    np.testing.assert_allclose(apart, back, rtol=1e-5)
    np.testing.assert_allclose(distance(network, A, A), 0, atol=1e-12)


def test_distance_grows_with_the_difference(network):
    near, far = distance(network, A, 0.9 * A + 0.1 * B), distance(network, A, 0.5 * A + 0.5 * B)
    assert (near < far).all()


def test_distance_without_any_activation_is_zero(network):
    dead = ConvWeights(np.zeros_like(network.vgg.convs[0].kernel), np.zeros(64, np.float32))
    dark = network._replace(
        vgg=network.vgg._replace(
            convs=tuple(
                dead if i == 0 else conv._replace(bias=np.zeros_like(conv.bias))
                for i, conv in enumerate(network.vgg.convs)
            )
        )
    )
    np.testing.assert_array_equal(distance(dark, A, B), 0)


def test_wrong_vgg16_is_refused(files, tmp_path):
    _, linear = files
    (tmp_path / "keras").write_bytes(b"\x89HDF\r\n\x1a\n and more")
    cut = {k: v for k, v in vgg_tensors().items() if not k.startswith("features.28")}
    safetensors.numpy.save_file(cut, tmp_path / "cut")
    for path, message in {
        tmp_path / "nowhere": "there is no file",
        tmp_path / "keras": "is HDF5: give torchvision's VGG16 as safetensors",
        tmp_path / "cut": "there is no features.28.weight",
        linear: "there is no features.0.weight",
    }.items():
        with pytest.raises(UserError, match=message) as raised:
            vgg16.load_torchvision(path)
        assert "\n" not in str(raised.value)


def test_wrong_linear_weights_are_refused(files, network, tmp_path):
    vgg, _ = files
    safetensors.numpy.save_file(linear_tensors((64, 192, 384, 256, 256)), tmp_path / "alex")
    for path, message in {
        vgg: "there is no lin0.model.1.weight",
        str(tmp_path / "alex"): "lin1.* has shape",
    }.items():
        with pytest.raises(UserError, match=message) as raised:
            lpips.load(network.vgg, path)
        assert "\n" not in str(raised.value)
