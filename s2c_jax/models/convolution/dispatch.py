"""The public convolutions, which choose an implementation when a program is lowered."""

import contextlib
import contextvars
import math
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import jax.export
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

from s2c_jax.models.convolution import direct, winograd, xla
from s2c_jax.models.convolution.shapes import Input, Kernel, Output

# Winograd's transforms cost more than they save with fewer tiles or fewer channels than these.
MIN_TILES = 256
MIN_CHANNELS = 32

# The length of an axis: an int, or a symbolic length of `jax.export`, whose type is not public.
_Length = Any

_single_operation = contextvars.ContextVar("single_operation", default=False)


@contextlib.contextmanager
def single_operation_convolutions() -> Iterator[None]:
    """Makes each convolution a single operation in programs that are traced within.

    Use this for programs that something other than XLA runs, such as ONNX Runtime.
    """
    token = _single_operation.set(True)
    try:
        yield
    finally:
        _single_operation.reset(token)


def conv(x: Input, kernel: Kernel, *, stride: int, padding: int) -> Output:
    """Convolves with zero padding: y[i] = sum over a of x[stride i + a - padding] kernel[a].

    Args:
        x: activations. Height and width plus twice the padding must be multiples of the stride.
        kernel: square taps whose side is a multiple of the stride.
        stride: the step between outputs.
        padding: the number of zeros added on each of the four sides.

    Returns:
        Activations of side (side + 2 padding - size) / stride + 1.
    """
    if _single_operation.get():
        return xla.single_operation_conv(x, kernel, stride, padding)
    sides = [(side + 2 * padding - kernel.shape[0]) // stride + 1 for side in x.shape[1:3]]
    large = _is_large(x.shape[0], sides, kernel.shape, stride)
    on_cpu = winograd.winograd_conv if large else direct.direct_conv
    return _by_platform(on_cpu, xla.xla_conv, x, kernel, stride, padding)


def conv_transpose(x: Input, kernel: Kernel, *, stride: int, padding: int) -> Output:
    """The transposed convolution: adds x[i] kernel[a] to y[stride i + a - padding].

    Args:
        x: activations.
        kernel: square taps whose side is a multiple of the stride.
        stride: the distance in the output between neighbouring inputs.
        padding: the number of output pixels cut off on each of the four sides.

    Returns:
        Activations of side (side - 1) stride + size - 2 padding.
    """
    if _single_operation.get():
        return xla.single_operation_conv_transpose(x, kernel, stride, padding)
    large = _is_large(x.shape[0], x.shape[1:3], kernel.shape, stride)
    on_cpu = winograd.winograd_conv_transpose if large else direct.direct_conv_transpose
    return _by_platform(on_cpu, xla.xla_conv_transpose, x, kernel, stride, padding)


def add_bias(
    x: Float[Array, "batch height width features"], bias: Float[Array, " features"]
) -> Float[Array, "batch height width features"]:
    """Adds a bias to every pixel."""
    if _single_operation.get() or x.shape[-1] >= xla.FEW_CHANNELS:
        return x + bias
    # The gradient of the bias is a sum over pixels, which is slow with few channels. Adding the
    # bias to whole rows lets XLA sum all pixels of a row side by side.
    row = jnp.tile(bias, x.shape[2])
    return (x.reshape(*x.shape[:2], x.shape[2] * x.shape[3]) + row).reshape(x.shape)


def _is_large(batch: _Length, sides: Sequence[_Length], kernel: Sequence[int], stride: int) -> bool:
    """Returns whether Winograd's algorithm can compute a convolution, and saves time."""
    # A program that is exported for any size has symbolic lengths and no number of tiles.
    if any(jax.export.is_symbolic_dim(length) for length in (batch, *sides)):
        return False
    size, _, channels, features = kernel
    taps = size // stride
    if taps not in (2, 3) or min(channels, features) < MIN_CHANNELS:
        return False
    return batch * math.prod(-(-side // (winograd.TILE - taps + 1)) for side in sides) >= MIN_TILES


def _by_platform(
    cpu: Callable[..., Array], other: Callable[..., Array],
    x: Array, kernel: Array, stride: int, padding: int,
) -> Array:  # fmt: skip
    cpu, other = (partial(each, stride=stride, padding=padding) for each in (cpu, other))
    return lax.platform_dependent(x, kernel, cpu=cpu, default=other)
