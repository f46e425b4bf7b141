"""The layers against Flax's and against their definitions."""

import functools

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from s2c_jax.models import layers
from tests.support.convolutions import conv_by_definition


def random_statistics(keys):
    """Returns the parameters and the running averages of a BatchNorm of six features."""
    scale, bias, mean, var = (jax.random.uniform(key, (6,)) for key in keys)
    return {"scale": scale, "bias": bias}, {"mean": mean, "var": var}


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16])
def test_batch_norm_agrees_with_flaxs_on_two_devices(dtype):
    """Values, running averages and all gradients agree; Flax leaves the gradients to JAX."""
    keys = jax.random.split(jax.random.key(0), 6)
    x, weight = (3 * jax.random.normal(key, (2, 3, 4, 5, 6)) + 1 for key in keys[:2])
    x = x.astype(dtype)
    params, stats = random_statistics(keys[2:])

    def gradients(module, x, params, weight):
        def loss(x, params):
            y, changed = module.apply(
                {"params": params, "batch_stats": stats}, x, mutable=["batch_stats"]
            )
            assert y.dtype == dtype
            return (y.astype(jnp.float32) ** 2 * weight).sum(), (y, changed["batch_stats"])

        return jax.grad(loss, argnums=(0, 1), has_aux=True)(x, params)

    actual, expected = (
        jax.pmap(functools.partial(gradients, module), "batch", in_axes=(0, None, 0))(
            x, params, weight
        )
        for module in (
            layers.BatchNorm(train=True),
            nn.BatchNorm(False, momentum=0.99, axis_name="batch", dtype=dtype),
        )
    )
    tolerance = 1e-5 if dtype == jnp.float32 else 2e-2
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(
            a.astype(jnp.float32), b.astype(jnp.float32), tolerance, 10 * tolerance
        ),
        actual,
        expected,
    )


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16])
def test_batch_norm_infers_like_flaxs(dtype):
    keys = jax.random.split(jax.random.key(0), 5)
    x = (3 * jax.random.normal(keys[0], (3, 4, 5, 6)) + 1).astype(dtype)
    params, stats = random_statistics(keys[1:])
    variables = {"params": params, "batch_stats": stats}
    tolerance = 1e-5 if dtype == jnp.float32 else 2e-2
    np.testing.assert_allclose(
        layers.BatchNorm(train=False).apply(variables, x).astype(jnp.float32),
        nn.BatchNorm(True, dtype=dtype).apply(variables, x).astype(jnp.float32),
        tolerance,
        tolerance,
    )


@pytest.mark.parametrize(
    "make",
    [functools.partial(layers.Conv, 5, 4, 2, 1), functools.partial(layers.Upsample, 5, "resize")],
)
def test_untrained_bias_has_zero_gradient(make):
    x = jax.random.normal(jax.random.key(0), (2, 4, 4, 3))
    variables = jax.jit(make().init)(jax.random.key(1), x)

    @functools.partial(jax.jit, static_argnums=0)
    def gradients(train_bias):
        return jax.grad(lambda v: make(train_bias=train_bias).apply(v, x).sum())(variables)[
            "params"
        ]

    trained, untrained = gradients(True), gradients(False)
    assert (trained["bias"] > 0).all()
    assert (untrained["bias"] == 0).all()
    np.testing.assert_array_equal(trained["kernel"], untrained["kernel"])


def test_resize_repeats_pixels_and_convolves():
    x = np.random.default_rng(0).normal(size=(2, 3, 5, 4)).astype(np.float32)
    layer = layers.Upsample(6, "resize")
    variables = jax.jit(layer.init)(jax.random.key(0), jnp.asarray(x))
    kernel = np.asarray(variables["params"]["kernel"])
    assert kernel.shape == (3, 3, 4, 6)
    repeated = x.repeat(2, axis=1).repeat(2, axis=2)
    # A transposed convolution applies its kernel turned by half a turn.
    expected = conv_by_definition(repeated, kernel[::-1, ::-1], 1, 1)
    np.testing.assert_allclose(jax.jit(layer.apply)(variables, jnp.asarray(x)), expected, atol=1e-5)


def test_dropout_keeps_the_mean_and_uses_each_pictures_key():
    keys = jax.random.split(jax.random.key(3), 1000)
    x = jnp.ones((1000, 2, 2, 3))
    dropout = jax.jit(functools.partial(layers.dropout, rate=0.75))
    dropped = dropout(x, keys=keys)
    assert set(np.unique(dropped)) == {0.0, 4.0}
    np.testing.assert_allclose(dropped.mean(), 1.0, atol=0.05)
    np.testing.assert_array_equal(dropout(x[5:6], keys=keys[5:6])[0], dropped[5])
