"""All implementations of a convolution agree, and each platform and size gets the right one."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from s2c_jax.models import convolution
from s2c_jax.models.convolution import direct, winograd, xla
from tests.support.convolutions import (
    KINDS,
    conv_by_definition,
    conv_transpose_by_definition,
    operands,
)

DEFINITIONS = {"conv": conv_by_definition, "conv_transpose": conv_transpose_by_definition}
IMPLEMENTATIONS = {
    "conv": [
        xla.single_operation_conv,
        xla.xla_conv,
        direct.direct_conv,
        winograd.winograd_conv,
    ],
    "conv_transpose": [
        xla.single_operation_conv_transpose,
        xla.xla_conv_transpose,
        direct.direct_conv_transpose,
        winograd.winograd_conv_transpose,
    ],
}


@functools.partial(jax.jit, static_argnums=(0, 3, 4))
def values_and_gradients(implementation, x, kernel, stride, padding):
    y, vjp = jax.vjp(lambda x, kernel: implementation(x, kernel, stride, padding), x, kernel)
    return y, *vjp(jnp.cos(jnp.arange(y.size, dtype=y.dtype)).reshape(y.shape))


def assert_implementations_agree(name, x, kernel, stride, padding):
    results = [
        values_and_gradients(implementation, x, kernel, stride, padding)
        for implementation in IMPLEMENTATIONS[name]
    ]
    for expected, *others in zip(*results, strict=True):
        for other in others:
            np.testing.assert_allclose(
                other, expected, rtol=1e-5, atol=1e-5 * np.abs(expected).max()
            )


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", DEFINITIONS)
def test_implementations_compute_the_definition_and_the_same_gradients(name, kind):
    size, stride, padding = kind
    x, kernel = operands(0, 2, 6, 4, 3, 5, size)
    y, *_ = values_and_gradients(IMPLEMENTATIONS[name][0], x, kernel, stride, padding)
    np.testing.assert_allclose(y, DEFINITIONS[name](x, kernel, stride, padding), atol=1e-5)
    assert_implementations_agree(name, x, kernel, stride, padding)


@pytest.mark.slow(reason="each of the twelve random shapes compiles four programs")
@pytest.mark.parametrize("name", IMPLEMENTATIONS)
@given(
    seed=st.integers(0, 2**32 - 1),
    batch=st.integers(1, 3),
    height=st.integers(1, 5),
    width=st.integers(1, 5),
    channels=st.integers(1, 4),
    features=st.sampled_from([1, 2, 64]),
    kind=st.sampled_from(KINDS),
)
@settings(max_examples=12, deadline=None)
def test_implementations_agree_for_random_shapes(
    name, seed, batch, height, width, channels, features, kind
):
    size, stride, padding = kind
    # Even sides of x fit every kernel and stride.
    x, kernel = operands(seed, batch, 2 * height, 2 * width, channels, features, size)
    assert_implementations_agree(name, x, kernel, stride, padding)


def lowered_for(platform):
    x, kernel = jnp.ones((1, 8, 8, 3)), jnp.ones((4, 4, 3, 5))
    convolve = jax.jit(lambda x, kernel: convolution.conv(x, kernel, stride=2, padding=1))
    return jax.export.export(convolve, platforms=[platform])(x, kernel).mlir_module()


def test_cpu_gets_matrix_products():
    assert "stablehlo.convolution" not in lowered_for("cpu")
    assert "stablehlo.dot_general" in lowered_for("cpu")


@pytest.mark.parametrize("platform", ["cuda", "tpu"])
def test_gpu_and_tpu_get_xlas_convolution(platform):
    assert "stablehlo.convolution" in lowered_for(platform)
    assert "stablehlo.dot_general" not in lowered_for(platform)


@pytest.mark.parametrize("name", DEFINITIONS)
def test_single_operation_convolutions_lower_to_one_convolution(name):
    x, kernel = (jnp.asarray(each) for each in operands(0, 1, 8, 8, 3, 5, 4))
    convolve = functools.partial(getattr(convolution, name), stride=2, padding=1)
    with convolution.single_operation_convolutions():
        program = jax.jit(convolve).lower(x, kernel).as_text()
    assert program.count("stablehlo.convolution") == 1
    assert "stablehlo.dot_general" not in program


@pytest.mark.parametrize(("name", "side"), [("conv", 96), ("conv_transpose", 46)])
def test_large_convolution_on_cpu_saves_arithmetic_and_agrees(name, side):
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


@pytest.mark.parametrize("features", [3, 20])
def test_add_bias_adds_to_every_pixel(features):
    rng = np.random.default_rng(0)
    x, dy = (jnp.asarray(rng.normal(size=(2, 3, 5, features)), jnp.float32) for _ in range(2))
    bias = jnp.asarray(rng.normal(size=features), jnp.float32)
    y, vjp = jax.vjp(convolution.add_bias, x, bias)
    np.testing.assert_allclose(y, np.asarray(x) + np.asarray(bias), rtol=1e-6)
    dx, dbias = vjp(dy)
    np.testing.assert_array_equal(dx, dy)
    np.testing.assert_allclose(dbias, np.asarray(dy).sum(axis=(0, 1, 2)), rtol=1e-5, atol=1e-5)
