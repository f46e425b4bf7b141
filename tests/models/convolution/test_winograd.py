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


@pytest.mark.parametrize(
    ("convolve", "side"), [(winograd.winograd_conv, 96), (winograd.winograd_conv_transpose, 46)]
)
def test_unused_kernel_gradient_is_not_computed(convolve, side):
    """The generator learns through the discriminator, whose kernels' gradients are unused."""
    x, kernel = (jnp.asarray(each) for each in operands(0, 1, side, side, 32, 40, 4))

    def loss(x, kernel):
        return jnp.sin(convolve(x, kernel, 2, 1)).sum()

    gradients, flops = {}, {}
    for argnums in (0, 1, (0, 1)):
        program = jax.jit(jax.grad(loss, argnums)).lower(x, kernel).compile()
        gradients[argnums] = program(x, kernel)
        flops[argnums] = program.cost_analysis()["flops"]
    assert flops[0] < 0.75 * flops[0, 1]
    for argnum in (0, 1):
        np.testing.assert_allclose(gradients[argnum], gradients[0, 1][argnum], rtol=1e-4, atol=1e-4)
