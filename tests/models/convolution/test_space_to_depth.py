"""Blocks of pixels, and the kernels that multiply them."""

import jax.numpy as jnp
import numpy as np
import pytest

from s2c_jax.models.convolution.space_to_depth import (
    conv_taps,
    conv_transpose_taps,
    crop,
    depth_to_space,
    space_to_depth,
)
from tests.support.convolutions import conv_by_definition, conv_transpose_by_definition, operands


@pytest.mark.parametrize("stride", [1, 2, 3])
def test_depth_to_space_reverts_space_to_depth(stride):
    x = jnp.asarray(np.random.default_rng(0).normal(size=(2, 6, 12, 3)), jnp.float32)
    blocks = space_to_depth(x, stride)
    assert blocks.shape == (2, 6 // stride, 12 // stride, 3 * stride**2)
    np.testing.assert_array_equal(blocks[1, 1, 1], x[1, stride:, stride:][:stride, :stride].ravel())
    np.testing.assert_array_equal(depth_to_space(blocks, stride), x)


def test_strided_convolution_is_an_unstrided_convolution_of_blocks():
    x, kernel = operands(0, 2, 8, 6, 3, 5, 4)
    taps = np.asarray(conv_taps(jnp.asarray(kernel), 2))
    blocks = np.asarray(space_to_depth(jnp.asarray(x), 2))
    actual = conv_by_definition(blocks, taps, stride=1, padding=0)
    np.testing.assert_allclose(actual, conv_by_definition(x, kernel, 2, 0), atol=1e-5)


def test_transposed_convolution_is_an_unstrided_convolution_that_gives_blocks():
    x, kernel = operands(0, 2, 4, 3, 3, 5, 4)
    taps = np.asarray(conv_transpose_taps(jnp.asarray(kernel), 2))
    blocks = conv_by_definition(x, taps, stride=1, padding=1)
    actual = depth_to_space(jnp.asarray(blocks), 2)
    np.testing.assert_allclose(actual, conv_transpose_by_definition(x, kernel, 2, 0), atol=1e-5)


def test_crop_cuts_off_all_four_sides():
    x = np.zeros((1, 5, 6, 1), np.float32)
    x[:, 1:4, 1:5] = 1
    np.testing.assert_array_equal(crop(jnp.asarray(x), 1), np.ones((1, 3, 4, 1)))
