"""FID's InceptionV3: its file, and laws of its features. Its numbers: tests/parity."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import safetensors.numpy

from s2c_jax.errors import UserError
from s2c_jax.pretrained import inception
from tests.support.inception import PARTS, random_tensors


@pytest.fixture(scope="module")
def tensors():
    return random_tensors()


@pytest.fixture(scope="module")
def file(tensors, tmp_path_factory):
    path = tmp_path_factory.mktemp("inception") / "inception.safetensors"
    safetensors.numpy.save_file(tensors, path)
    return str(path)


@pytest.fixture(scope="module")
def network(file):
    return inception.load(file)


features = jax.jit(inception.features)


def pictures(side):
    levels = np.random.default_rng(side).uniform(-1, 1, (2, side, side, 3))
    return jnp.asarray(levels, jnp.float32)


def test_the_network_has_its_94_convolutions(network):
    assert len(network) == 94
    # Keras counts 21,802,784 parameters in its InceptionV3 without the last layer, three of them a
    # channel in each batch norm.
    kernels = sum(conv.kernel.size for conv in network.values())
    assert kernels + 3 * sum(conv.bias.size for conv in network.values()) == 21_802_784


def test_a_layer_is_its_convolution_and_its_batch_norm(tensors, network):
    name = "Mixed_6c.branch7x7_2"
    x = np.random.default_rng(1).standard_normal((5, 160, 1, 7))
    get = {part: tensors[f"{name}.bn.{part}"].astype(np.float64) for part in PARTS}
    convolved = np.einsum("nihw,oihw->no", x, tensors[f"{name}.conv.weight"].astype(np.float64))
    root = np.sqrt(get["running_var"] + 0.001)
    expected = (convolved - get["running_mean"]) / root * get["weight"] + get["bias"]
    kernel, bias = network[name]
    assert kernel.dtype == bias.dtype == np.float32
    actual = np.einsum("nihw,hwio->no", x, kernel.astype(np.float64)) + bias
    np.testing.assert_allclose(actual, expected, atol=1e-6 * np.abs(expected).max())


def test_features_are_each_pictures_own(network):
    small = pictures(64)
    both = np.asarray(features(network, small))
    assert both.shape == (2, 2048)
    assert both.min() >= 0
    assert np.abs(both[0] - both[1]).max() > 0.1
    swapped = np.asarray(features(network, small[::-1]))
    np.testing.assert_allclose(swapped[::-1], both, atol=1e-5 * both.max())


def interpolate(x, axis):
    """Bilinear to 299 along an axis, in float64: pixel i of n covers [i, i + 1] / n."""
    side = x.shape[axis]
    where = np.clip((np.arange(299) + 0.5) * side / 299 - 0.5, 0, side - 1)
    low = np.minimum(where.astype(int), side - 2)
    share = np.expand_dims(where - low, tuple(range(1, x.ndim - axis)))
    return x.take(low, axis) * (1 - share) + x.take(low + 1, axis) * share


@pytest.mark.parametrize("side", [64, 400])
def test_pictures_are_interpolated_to_299(network, side):
    x = pictures(side)
    resized = interpolate(interpolate(np.asarray(x, np.float64), 1), 2)
    expected = np.asarray(features(network, jnp.asarray(resized, jnp.float32)))
    actual = np.asarray(features(network, x))
    np.testing.assert_allclose(actual, expected, atol=1e-4 * expected.max())


def test_a_wrong_file_is_named_with_its_flag(tensors, tmp_path):
    def written(name, **changes):
        changed = {**tensors, **changes}
        changed = {k: v for k, v in changed.items() if v is not None}
        safetensors.numpy.save_file(changed, tmp_path / name)
        return str(tmp_path / name)

    variance = "Mixed_7c.branch_pool.bn.running_var"
    cases = {
        "there is no file": str(tmp_path / "nowhere"),
        "fc.bias has shape": written("torchvision", **{"fc.bias": np.zeros(1000, np.float32)}),
        f"there is no {variance}": written("short", **{variance: None}),
        f"{variance} has shape": written("wrong", **{variance: np.zeros(7, np.float32)}),
    }
    for message, path in cases.items():
        with pytest.raises(UserError, match=f"^--inception: .*{message}") as raised:
            inception.load(path)
        assert "\n" not in str(raised.value)
