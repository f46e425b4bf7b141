"""FID's InceptionV3: its file, and laws of its features; tests/parity compares its numbers."""

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


def test_network_has_94_convolutions_and_keras_parameter_count(network):
    assert len(network) == 94
    # Keras counts 21,802,784 parameters in its InceptionV3 without the last layer. Three of them
    # belong to each channel of a batch normalisation.
    kernels = sum(conv.kernel.size for conv in network.values())
    assert kernels + 3 * sum(conv.bias.size for conv in network.values()) == 21_802_784


def test_layer_is_its_convolution_and_its_batch_normalisation(tensors, network):
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


def test_features_of_a_picture_depend_on_no_other_picture(network):
    small = pictures(64)
    both = np.asarray(features(network, small))
    assert both.shape == (2, 2048)
    assert both.min() >= 0
    assert np.abs(both[0] - both[1]).max() > 0.1
    swapped = np.asarray(features(network, small[::-1]))
    np.testing.assert_allclose(swapped[::-1], both, atol=1e-5 * both.max())


def interpolate(x, axis):
    """Interpolates an axis linearly to 299 in float64; pixel i of n covers [i, i + 1] / n."""
    side = x.shape[axis]
    where = np.clip((np.arange(299) + 0.5) * side / 299 - 0.5, 0, side - 1)
    low = np.minimum(where.astype(int), side - 2)
    share = np.expand_dims(where - low, tuple(range(1, x.ndim - axis)))
    return x.take(low, axis) * (1 - share) + x.take(low + 1, axis) * share


@pytest.mark.parametrize("side", [64, 400])
def test_pictures_are_interpolated_bilinearly_to_299(network, side):
    x = pictures(side)
    resized = interpolate(interpolate(np.asarray(x, np.float64), 1), 2)
    expected = np.asarray(features(network, jnp.asarray(resized, jnp.float32)))
    actual = np.asarray(features(network, x))
    np.testing.assert_allclose(actual, expected, atol=1e-4 * expected.max())


def test_missing_file_is_refused(tmp_path):
    with pytest.raises(UserError, match="there is no file"):
        inception.load(str(tmp_path / "nowhere"))


VARIANCE = "Mixed_7c.branch_pool.bn.running_var"


@pytest.mark.parametrize(
    ("name", "tensor", "message"),
    [
        # torchvision's network has 1000 classes.
        ("fc.bias", np.zeros(1000, np.float32), "fc.bias has shape"),
        (VARIANCE, None, f"there is no {VARIANCE}"),
        (VARIANCE, np.zeros(7, np.float32), f"{VARIANCE} has shape"),
    ],
)
def test_file_of_another_network_is_refused(tensors, tmp_path, name, tensor, message):
    changed = {**tensors, name: tensor}
    changed = {key: value for key, value in changed.items() if value is not None}
    path = tmp_path / "other.safetensors"
    safetensors.numpy.save_file(changed, path)
    with pytest.raises(UserError, match=f"does not hold FID's InceptionV3 .*{message}") as raised:
        inception.load(str(path))
    assert str(path) in str(raised.value)
    assert "\n" not in str(raised.value)
