"""Winograd's algorithm: its matrices, and gradients that are not used."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from s2c_jax.models.convolution import winograd
from tests.support.convolutions import operands


@pytest.mark.parametrize("taps", [2, 3])
def test_matrices_give_the_filter_of_a_tile(taps):
    a, g, b = winograd._matrices(taps)
    rng = np.random.default_rng(0)
    x, kernel = rng.normal(size=winograd.TILE), rng.normal(size=taps)
    expected = np.correlate(x, kernel, mode="valid")
    np.testing.assert_allclose(a @ ((g @ kernel) * (b @ x)), expected, rtol=1e-12)


CONVOLUTIONS = [(winograd.winograd_conv, 96), (winograd.winograd_conv_transpose, 46)]


def gradients(convolve, argnums):
    """Returns the compiled gradients of a loss by x (0), the kernel (1) or both."""
    return jax.jit(jax.grad(lambda x, kernel: jnp.sin(convolve(x, kernel, 2, 1)).sum(), argnums))


@pytest.mark.parametrize(("convolve", "side"), CONVOLUTIONS)
def test_unused_kernel_gradient_is_not_computed(convolve, side):
    """The generator learns through the discriminator, whose kernels' gradients are unused."""
    x = jax.ShapeDtypeStruct((1, side, side, 32), jnp.float32)
    kernel = jax.ShapeDtypeStruct((4, 4, 32, 40), jnp.float32)
    flops, flops_of_both = (
        gradients(convolve, argnums).lower(x, kernel).cost_analysis()["flops"]
        for argnums in (0, (0, 1))
    )
    assert flops < 0.75 * flops_of_both


@pytest.mark.slow(reason="compiles Winograd's transforms in three programs")
@pytest.mark.parametrize(("convolve", "side"), CONVOLUTIONS)
def test_gradients_are_the_same_alone_and_together(convolve, side):
    x, kernel = (jnp.asarray(each) for each in operands(0, 1, side, side, 32, 40, 4))
    together = gradients(convolve, (0, 1))(x, kernel)
    for argnum, expected in enumerate(together):
        alone = gradients(convolve, argnum)(x, kernel)
        np.testing.assert_allclose(alone, expected, rtol=1e-4, atol=1e-4)
