"""Generators from Keras's files; tests/parity compares their pictures with Keras's own."""

import h5py
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from s2c_jax.errors import UserError
from s2c_jax.models.generator import Generator
from s2c_jax.pretrained.keras_generator import ArchitectureMismatch, read_generator
from tests.support.keras_files import random_layers, write_keras2, write_keras3


@pytest.fixture(scope="module")
def variables():
    """The shapes of a small generator's variables."""
    generator = Generator((4, 8, 8), 0.0, 0, "transposed")
    return jax.eval_shape(
        lambda key: generator.init(key, jnp.zeros((1, 8, 8, 3)), train=False), jax.random.key(0)
    )


@pytest.fixture(scope="module")
def layers(variables):
    return random_layers(variables["params"])


@pytest.mark.parametrize("write", [write_keras2, write_keras3])
def test_layers_get_the_arrays_of_the_file(tmp_path, variables, layers, write):
    read = read_generator(write(tmp_path / "generator.weights.h5", layers), variables)
    shapes = jax.tree.map(lambda leaf: leaf.shape, (read, variables))
    assert shapes[0] == shapes[1]
    params, stats = read["params"], read["batch_stats"]
    for name in ("encoder_1", "decoder_0", "output"):
        kernel = layers[name]["kernel"]
        # Keras stores the kernels of transposed convolutions as [height, width, out, in].
        kernel = kernel if name == "encoder_1" else kernel.swapaxes(2, 3)
        np.testing.assert_array_equal(params[name]["kernel"], kernel)
        np.testing.assert_array_equal(params[name]["bias"], layers[name]["bias"])
    norm = layers["decoder_norm_0"]
    np.testing.assert_array_equal(params["decoder_norm_0"]["scale"], norm["gamma"])
    np.testing.assert_array_equal(params["decoder_norm_0"]["bias"], norm["beta"])
    np.testing.assert_array_equal(stats["decoder_norm_0"]["mean"], norm["moving_mean"])


@pytest.mark.parametrize(("epsilon", "expected"), [(None, 1e-3), (0.02, 0.02)])
def test_variance_takes_up_the_difference_of_the_epsilons(
    tmp_path, variables, layers, epsilon, expected
):
    path = write_keras2(tmp_path / "generator.h5", layers)
    read = read_generator(path, variables, epsilon)
    variance = layers["encoder_norm_1"]["moving_variance"]
    np.testing.assert_allclose(
        read["batch_stats"]["encoder_norm_1"]["var"] + 1e-5, variance + expected, rtol=1e-6
    )


def test_epsilon_of_a_saved_model_is_found(tmp_path, variables, layers):
    path = write_keras2(tmp_path / "generator.h5", layers)
    with h5py.File(path, "a") as file:
        file.attrs["model_config"] = '{"layers": [{"epsilon": 0.01}, {"epsilon": 0.01}]}'
    read = read_generator(path, variables)
    variance = layers["encoder_norm_1"]["moving_variance"]
    np.testing.assert_allclose(
        read["batch_stats"]["encoder_norm_1"]["var"] + 1e-5, variance + 0.01, rtol=1e-6
    )


def test_convolution_without_bias_gets_zeros(tmp_path, variables, layers):
    without = {**layers, "decoder_0": {"kernel": layers["decoder_0"]["kernel"]}}
    read = read_generator(write_keras2(tmp_path / "generator.h5", without), variables)
    np.testing.assert_array_equal(read["params"]["decoder_0"]["bias"], np.zeros(8))


def test_file_without_a_keras_model_is_refused(tmp_path, variables):
    (tmp_path / "text.h5").write_text("no HDF5")
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["x"] = 1
    for name, message in {
        "missing.h5": "there is no file",
        "text.h5": "text.h5 cannot be read",
        "other.h5": "does not hold a Keras model .*neither layer_names nor layers",
    }.items():
        with pytest.raises(UserError, match=message) as raised:
            read_generator(tmp_path / name, variables)
        assert str(tmp_path / name) in str(raised.value)
        assert "\n" not in str(raised.value)


def test_another_architecture_is_refused_with_the_difference(tmp_path, variables, layers):
    short = {name: arrays for name, arrays in layers.items() if name != "output"}
    for content, message in (
        (short, "holds 5 convolutions and 3 batch normalisations, and .* needs 6 and 3"),
        (
            random_layers(variables["params"], kernel_of="encoder_1"),
            r"encoder_1/encoder_1 has a kernel of shape \(3, 3, 4, 8\), and .*encoder_1 needs "
            r"\(4, 4, 4, 8\)",
        ),
    ):
        path = write_keras2(tmp_path / "generator.h5", content)
        with pytest.raises(ArchitectureMismatch, match=message) as raised:
            read_generator(path, variables)
        assert str(path) in str(raised.value)
        assert "\n" not in str(raised.value)
