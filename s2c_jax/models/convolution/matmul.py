"""Convolutions as matrix products, for XLA's CPU back end."""

import math
from collections.abc import Sequence
from typing import Any

import jax
import jax.export
from jaxtyping import Array

from s2c_jax.models.convolution.direct import conv_direct, conv_transpose_direct
from s2c_jax.models.convolution.winograd import TILE, conv_transpose_winograd, conv_winograd

# The transforms cost as much as they save in fewer tiles than this, or between fewer channels.
MIN_TILES = 256


MIN_CHANNELS = 32


def conv(x: Array, kernel: Array, stride: int, padding: int) -> Array:
    """`layers.conv` by whichever way is faster; any length of x may be a symbol."""
    size = kernel.shape[0]
    outputs = [(side + 2 * padding - size) // stride + 1 for side in x.shape[1:3]]
    if _is_large(x.shape[0], outputs, kernel, stride):
        return conv_winograd(x, kernel, stride, padding)
    return conv_direct(x, kernel, stride, padding)


def conv_transpose(x: Array, kernel: Array, stride: int, padding: int) -> Array:
    """`layers.conv_transpose` by whichever way is faster; any length of x may be a symbol."""
    if _is_large(x.shape[0], x.shape[1:3], kernel, stride):
        return conv_transpose_winograd(x, kernel, stride, padding)
    return conv_transpose_direct(x, kernel, stride, padding)


def _is_large(batch: Any, sides: Sequence[Any], kernel: Array, stride: int) -> bool:
    # How many tiles there are is not known in a program that is exported for any size.
    if any(jax.export.is_symbolic_dim(length) for length in (batch, *sides)):
        return False
    taps = kernel.shape[0] // stride
    if taps not in (2, 3) or min(kernel.shape[2:]) < MIN_CHANNELS:
        return False
    return batch * math.prod(-(-side // (TILE - taps + 1)) for side in sides) >= MIN_TILES
