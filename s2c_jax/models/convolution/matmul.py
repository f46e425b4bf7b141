"""Convolutions as matrix products, for XLA's CPU back end."""

import math
from collections.abc import Sequence
from typing import Any

import jax.export
from jaxtyping import Array, Float

from s2c_jax.models.convolution.direct import direct_conv, direct_conv_transpose
from s2c_jax.models.convolution.winograd import TILE, winograd_conv, winograd_conv_transpose

# Winograd's transforms cost more than they save with fewer tiles or fewer channels than these.
MIN_TILES = 256
MIN_CHANNELS = 32

# The length of an axis: an int, or a symbolic length of `jax.export`, whose type is not public.
_Length = Any


def matmul_conv(
    x: Float[Array, "batch height width in"],
    kernel: Float[Array, "size size in out"],
    stride: int,
    padding: int,
) -> Float[Array, "batch new_height new_width out"]:
    """Computes `convolution.conv` in the faster way; every length of x may be symbolic."""
    size = kernel.shape[0]
    outputs = [(side + 2 * padding - size) // stride + 1 for side in x.shape[1:3]]
    if _is_large(x.shape[0], outputs, kernel.shape, stride):
        return winograd_conv(x, kernel, stride, padding)
    return direct_conv(x, kernel, stride, padding)


def matmul_conv_transpose(
    x: Float[Array, "batch height width in"],
    kernel: Float[Array, "size size in out"],
    stride: int,
    padding: int,
) -> Float[Array, "batch new_height new_width out"]:
    """Computes `convolution.conv_transpose` in the faster way; lengths of x may be symbolic."""
    if _is_large(x.shape[0], x.shape[1:3], kernel.shape, stride):
        return winograd_conv_transpose(x, kernel, stride, padding)
    return direct_conv_transpose(x, kernel, stride, padding)


def _is_large(batch: _Length, sides: Sequence[_Length], kernel: Sequence[int], stride: int) -> bool:
    """Whether Winograd's algorithm can compute a convolution, and saves time."""
    # A program that is exported for any size has symbolic lengths and no number of tiles.
    if any(jax.export.is_symbolic_dim(length) for length in (batch, *sides)):
        return False
    size, _, channels, features = kernel
    taps = size // stride
    if taps not in (2, 3) or min(channels, features) < MIN_CHANNELS:
        return False
    return batch * math.prod(-(-side // (TILE - taps + 1)) for side in sides) >= MIN_TILES
