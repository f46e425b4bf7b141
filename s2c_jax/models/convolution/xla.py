"""Convolutions by XLA's own, in the forms that accelerators compute fast.

Matrix units want many channels, in multiples of eight. Where there are few, a strided convolution
is one of blocks of `stride x stride` pixels (space to depth), whose channels are more, and a
transposed one gives such blocks; the rest is filled up with zeros. What that brings on a GPU:
experiments/benchmarks/README.md; on TPUs it was not measured.
"""

import functools

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array

from s2c_jax.models.convolution.space_to_depth import (
    crop,
    depth_to_space,
    kernel_to_blocks,
    space_to_depth,
)

# Fewer channels than this are computed in blocks.
FEW_CHANNELS = 16


_MULTIPLE = 8


_DIMENSIONS = ("NHWC", "HWIO", "NHWC")


def conv_plain(x: Array, kernel: Array, stride: int, padding: int) -> Array:
    """`layers.conv` as one operation."""
    return lax.conv_general_dilated(
        x, kernel, (stride, stride), [(padding, padding)] * 2, dimension_numbers=_DIMENSIONS
    )


def conv_transpose_plain(x: Array, kernel: Array, stride: int, padding: int) -> Array:
    """`layers.conv_transpose` as one operation: a convolution of the spread out input."""
    border = kernel.shape[0] - 1 - padding
    return lax.conv_general_dilated(
        x,
        kernel[::-1, ::-1],
        (1, 1),
        [(border, border)] * 2,
        lhs_dilation=(stride, stride),
        dimension_numbers=_DIMENSIONS,
    )


def conv(x: Array, kernel: Array, stride: int, padding: int) -> Array:
    """`layers.conv`."""
    if stride == 1 or x.shape[-1] >= FEW_CHANNELS:
        return conv_plain(x, kernel, stride, padding)
    x = space_to_depth(jnp.pad(x, ((0, 0), *[(padding, padding)] * 2, (0, 0))), stride)
    taps = kernel_to_blocks(kernel, stride)
    taps = taps.reshape(*taps.shape[:2], -1, taps.shape[-1])
    return conv_plain(_fill(x, 3), _fill(taps, 2), stride=1, padding=0)


@functools.partial(jax.custom_vjp, nondiff_argnums=(2, 3))
def conv_transpose(x: Array, kernel: Array, stride: int, padding: int) -> Array:
    """`layers.conv_transpose`."""
    if stride == 1 or kernel.shape[-1] >= FEW_CHANNELS:
        return conv_transpose_plain(x, kernel, stride, padding)
    # Block I of y is the sum over a of x[I - a] times tap a.
    taps = kernel_to_blocks(kernel, stride)[::-1, ::-1].transpose(0, 1, 4, 2, 3, 5)
    taps = taps.reshape(*taps.shape[:3], -1)
    blocks = conv_plain(x, _fill(taps, 3), stride=1, padding=len(taps) - 1)
    return crop(depth_to_space(blocks[..., : taps.shape[-1]], stride), padding)


def _backward(
    stride: int, padding: int, operands: tuple[Array, Array], dy: Array
) -> tuple[Array, Array]:
    x, kernel = operands
    turned = kernel.swapaxes(2, 3)
    dx = conv(dy, turned, stride, padding)
    (dkernel,) = jax.linear_transpose(lambda k: conv(dy, k, stride, padding), turned)(x)
    return dx, dkernel.swapaxes(2, 3)


# Left to itself JAX writes the kernel's gradient as a convolution of the spread out input, for
# which cuDNN has no kernel but its slowest. It is the kernel's gradient of the convolution that
# this one is the transpose of.
conv_transpose.defvjp(
    lambda x, kernel, stride, padding: (conv_transpose(x, kernel, stride, padding), (x, kernel)),
    _backward,
)


def _fill(x: Array, axis: int) -> Array:
    """Fills an axis up with zeros."""
    missing = -x.shape[axis] % _MULTIPLE
    return jnp.pad(x, [(0, missing if i == axis else 0) for i in range(x.ndim)])
