"""Convolutions on GPUs and TPUs: XLA's own, in the forms that matrix units compute fast.

Matrix units want many channels, in multiples of eight. With few input channels, a strided
convolution is computed as an unstrided one of blocks of `stride x stride` pixels (space to depth),
which have more channels. With few output channels, a transposed convolution gives such blocks.
Missing channels are zeros. experiments/benchmarks/README.md has the times on a GPU; TPUs were not
measured.
"""

import functools

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array

from s2c_jax.models.convolution.shapes import Input, Kernel, Output
from s2c_jax.models.convolution.space_to_depth import (
    conv_taps,
    conv_transpose_taps,
    crop,
    depth_to_space,
    space_to_depth,
)

# Convolutions with fewer channels than this are computed in blocks.
FEW_CHANNELS = 16
# Channels are padded to a multiple of this, as matrix units want.
_CHANNEL_MULTIPLE = 8

_DIMENSIONS = ("NHWC", "HWIO", "NHWC")


def single_operation_conv(x: Input, kernel: Kernel, stride: int, padding: int) -> Output:
    """Computes `convolution.conv` as a single operation."""
    return lax.conv_general_dilated(
        x, kernel, (stride, stride), [(padding, padding)] * 2, dimension_numbers=_DIMENSIONS
    )


def single_operation_conv_transpose(x: Input, kernel: Kernel, stride: int, padding: int) -> Output:
    """Computes `convolution.conv_transpose` as a single operation, a convolution of dilated x."""
    border = kernel.shape[0] - 1 - padding
    return lax.conv_general_dilated(
        x,
        kernel[::-1, ::-1],
        (1, 1),
        [(border, border)] * 2,
        lhs_dilation=(stride, stride),
        dimension_numbers=_DIMENSIONS,
    )


def xla_conv(x: Input, kernel: Kernel, stride: int, padding: int) -> Output:
    """Computes `convolution.conv`, in blocks if there are few input channels."""
    if stride == 1 or x.shape[-1] >= FEW_CHANNELS:
        return single_operation_conv(x, kernel, stride, padding)
    x = space_to_depth(jnp.pad(x, ((0, 0), *[(padding, padding)] * 2, (0, 0))), stride)
    taps = conv_taps(kernel, stride)
    return single_operation_conv(_pad_channels(x, 3), _pad_channels(taps, 2), stride=1, padding=0)


@functools.partial(jax.custom_vjp, nondiff_argnums=(2, 3))
def xla_conv_transpose(x: Input, kernel: Kernel, stride: int, padding: int) -> Output:
    """Computes `convolution.conv_transpose`, in blocks if there are few output channels."""
    if stride == 1 or kernel.shape[-1] >= FEW_CHANNELS:
        return single_operation_conv_transpose(x, kernel, stride, padding)
    taps = conv_transpose_taps(kernel, stride)
    blocks = single_operation_conv(x, _pad_channels(taps, 3), stride=1, padding=len(taps) - 1)
    return crop(depth_to_space(blocks[..., : taps.shape[-1]], stride), padding)


def _xla_conv_transpose_backward(
    stride: int, padding: int, residuals: tuple[Array, Array], dy: Array
) -> tuple[Array, Array]:
    x, kernel = residuals
    swapped = kernel.swapaxes(2, 3)
    dx = xla_conv(dy, swapped, stride, padding)
    (dkernel,) = jax.linear_transpose(lambda k: xla_conv(dy, k, stride, padding), swapped)(x)
    return dx, dkernel.swapaxes(2, 3)


# JAX's own rule would write the kernel's gradient as a convolution of the dilated input, for which
# cuDNN has only its slowest kernel. Write it as the kernel's gradient of the convolution whose
# transpose this is.
xla_conv_transpose.defvjp(
    lambda x, kernel, stride, padding: (
        xla_conv_transpose(x, kernel, stride, padding), (x, kernel)
    ),
    _xla_conv_transpose_backward,
)  # fmt: skip


def _pad_channels(x: Array, axis: int) -> Array:
    """Pads an axis of channels with zeros to a multiple of `_CHANNEL_MULTIPLE`."""
    missing = -x.shape[axis] % _CHANNEL_MULTIPLE
    return jnp.pad(x, [(0, missing if i == axis else 0) for i in range(x.ndim)])
