"""Networks that are read from Keras's files compute what Keras computes."""

import h5py
import jax
import jax.numpy as jnp
import keras
import numpy as np
import pytest
from keras.src.legacy.saving import legacy_h5_format

from s2c_jax import checkpoint
from s2c_jax.inference.colorizer import Colorizer
from s2c_jax.models.generator import Generator
from s2c_jax.pretrained import vgg16
from s2c_jax.training.import_keras import import_generator


def test_vgg16_features_agree_with_keras(tmp_path):
    keras.utils.set_random_seed(0)
    model = keras.applications.VGG16(weights=None, include_top=False, input_shape=(64, 64, 3))
    rng = np.random.default_rng(0)
    model.set_weights(
        [w + rng.normal(0, 0.01, w.shape) if w.ndim == 1 else w for w in model.get_weights()]
    )
    path = tmp_path / vgg16.KERAS_FILE
    with h5py.File(path, "w") as file:
        legacy_h5_format.save_weights_to_hdf5_group(file, model)
    # The file has the layout of the published one, since Keras reads it as such.
    again = keras.applications.VGG16(weights=str(path), include_top=False, input_shape=(64, 64, 3))
    levels = np.random.default_rng(1).uniform(0, 255, (2, 64, 64, 3)).astype(np.float32)
    phi = keras.Model(again.inputs, again.get_layer("block2_conv2").output)
    expected = np.asarray(phi(keras.applications.vgg16.preprocess_input(levels.copy())))
    assert expected.std() > 1

    actual = np.asarray(vgg16.features(vgg16.load(str(path)), jnp.asarray(levels / 127.5 - 1)))
    assert np.abs(actual - expected).max() / expected.max() < 1e-5


CHANNELS = (8, 16, 32, 32)


def unet(bias=True, epsilon=0.001):
    """Returns the generator in Keras, written from its description, with random weights."""
    layers = keras.layers
    x = sketch = keras.Input((64, 64, 3))
    encoded = []
    for i, channels in enumerate(CHANNELS):
        x = layers.Conv2D(channels, 4, strides=2, padding="same", use_bias=bias)(x)
        last = i == len(CHANNELS) - 1
        if i > 0 and not last:
            x = layers.BatchNormalization(epsilon=epsilon)(x)
        x = layers.ReLU()(x) if last else layers.LeakyReLU(negative_slope=0.2)(x)
        encoded.append(x)
    for i, skip in enumerate(reversed(encoded[:-1])):
        x = layers.Conv2DTranspose(skip.shape[-1], 4, strides=2, padding="same", use_bias=bias)(x)
        x = layers.BatchNormalization(epsilon=epsilon)(x)
        if i < 3:
            x = layers.Dropout(0.5)(x)
        x = layers.ReLU()(layers.Concatenate()([x, skip]))
    x = layers.Conv2DTranspose(3, 4, strides=2, padding="same", activation="tanh")(x)
    model = keras.Model(sketch, x)
    rng = np.random.default_rng(0)
    for layer in model.layers:
        weights = layer.get_weights()
        if isinstance(layer, layers.BatchNormalization):
            # gamma, beta, mean, variance: small variances, so that epsilon matters.
            size = weights[0].shape
            weights = [rng.uniform(0.2, 0.6, size), *rng.normal(0, 0.1, (2, *size))]
            weights.append(rng.uniform(0.002, 0.02, size))
        elif weights:
            weights = [rng.normal(0, 0.03, w.shape) for w in weights]
        layer.set_weights(weights)
    return model


def save_whole(model, folder):
    model.save(folder / "generator.h5")
    return folder / "generator.h5"


def save_weights(model, folder):
    model.save_weights(folder / "generator.weights.h5")
    return folder / "generator.weights.h5"


def save_old_weights(model, folder):
    with h5py.File(folder / "old.h5", "w") as file:
        legacy_h5_format.save_weights_to_hdf5_group(file, model)
    return folder / "old.h5"


@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file")
@pytest.mark.parametrize(
    ("save", "settings", "epsilon"),
    [
        (save_whole, {}, None),
        (save_whole, {"bias": False, "epsilon": 0.01}, None),
        (save_weights, {}, None),
        (save_weights, {"epsilon": 0.01}, 0.01),
        (save_old_weights, {"bias": False}, None),
    ],
)
def test_imported_generator_agrees_with_keras(tmp_path, keras_config, save, settings, epsilon):
    model = unet(**settings)
    path = save(model, tmp_path)
    keras_config.generator.channels = CHANNELS
    import_generator(path, keras_config, tmp_path / "run", epsilon)

    levels = np.random.default_rng(1).integers(0, 256, (3, 64, 64, 3), np.uint8)
    expected = np.asarray(model(levels / 127.5 - 1, training=False))
    assert expected.std() > 0.04
    generator = Generator(**keras_config.generator)
    shapes = jax.eval_shape(
        lambda key: generator.init(key, jnp.zeros((1, 64, 64, 3)), train=False), jax.random.key(0)
    )
    averaged = keras_config.optimizer.ema_decay > 0
    step, variables = checkpoint.restore_generator(
        tmp_path / "run", shapes, "last", averaged=averaged
    )
    assert step == 0
    sketch = jnp.asarray(levels, jnp.float32) / 127.5 - 1
    actual = np.asarray(generator.apply(jax.device_put(variables), sketch, train=False))
    np.testing.assert_allclose(actual, expected, atol=1e-4)

    colored = Colorizer(tmp_path / "run").colorize_squares(levels)
    np.testing.assert_allclose(colored, (expected + 1) * 127.5, atol=0.6)
