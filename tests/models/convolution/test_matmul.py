"""On CPUs, large convolutions take Winograd's algorithm."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from s2c_jax.models import convolution
from s2c_jax.models.convolution import direct, xla
from tests.support.convolutions import operands


@pytest.mark.parametrize(("name", "side"), [("conv", 96), ("conv_transpose", 46)])
def test_large_convolution_saves_arithmetic_and_agrees(name, side):
    x, kernel = (jnp.asarray(each) for each in operands(0, 1, side, side, 32, 40, 4))
    convolve = jax.jit(functools.partial(getattr(convolution, name), stride=2, padding=1))
    expected = getattr(xla, f"single_operation_{name}")(x, kernel, 2, 1)
    np.testing.assert_allclose(convolve(x, kernel), expected, atol=1e-5 * np.abs(expected).max())
    in_direct_way = jax.jit(
        functools.partial(getattr(direct, f"direct_{name}"), stride=2, padding=1)
    )
    flops, direct_flops = (
        each.lower(x, kernel).cost_analysis()["flops"] for each in (convolve, in_direct_way)
    )
    assert flops < 0.7 * direct_flops
