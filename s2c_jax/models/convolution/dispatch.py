"""Convolutions with two lowerings, chosen when a program is lowered."""

import contextlib
import contextvars
from collections.abc import Callable, Iterator

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

from s2c_jax.models.convolution import matmul, xla

_plain_only = contextvars.ContextVar("plain_only", default=False)


@contextlib.contextmanager
def single_operation_convolutions() -> Iterator[None]:
    """Makes each convolution one operation in programs that are traced within.

    For what is run by something else than XLA.
    """
    token = _plain_only.set(True)
    try:
        yield
    finally:
        _plain_only.reset(token)


def _by_platform(
    x: Array,
    kernel: Array,
    plain: Callable[..., Array],
    cpu: Callable[..., Array],
    native: Callable[..., Array],
    *,
    stride: int,
    padding: int,
) -> Array:
    if _plain_only.get():
        return plain(x, kernel, stride, padding)
    return lax.platform_dependent(
        x,
        kernel,
        cpu=lambda x, kernel: cpu(x, kernel, stride, padding),
        default=lambda x, kernel: native(x, kernel, stride, padding),
    )


def conv(
    x: Float[Array, "batch height width in"],
    kernel: Float[Array, "size size in out"],
    *,
    stride: int,
    padding: int,
) -> Float[Array, "batch new_height new_width out"]:
    """Convolves with zero padding: y[i] = sum over a of x[stride i + a - padding] kernel[a].

    Args:
        x: activations; height and width plus twice the padding must be multiples of the stride.
        kernel: square taps whose side is a multiple of the stride.
        stride: the step between outputs.
        padding: zeros on each of the four sides.

    Returns:
        Activations of side (side + 2 padding - size) / stride + 1.
    """
    ways = xla.conv_plain, matmul.conv, xla.conv
    return _by_platform(x, kernel, *ways, stride=stride, padding=padding)


def conv_transpose(
    x: Float[Array, "batch height width in"],
    kernel: Float[Array, "size size in out"],
    *,
    stride: int,
    padding: int,
) -> Float[Array, "batch new_height new_width out"]:
    """The transposed convolution: adds x[i] kernel[a] to y[stride i + a - padding].

    Args:
        x: activations.
        kernel: square taps whose side is a multiple of the stride.
        stride: the step between the places that neighbouring inputs are added to.
        padding: what is cut off on each of the four sides.

    Returns:
        Activations of side (side - 1) stride + size - 2 padding.
    """
    ways = (
        xla.conv_transpose_plain, matmul.conv_transpose, xla.conv_transpose
    )  # fmt: skip
    return _by_platform(x, kernel, *ways, stride=stride, padding=padding)


def add_bias(
    x: Float[Array, "batch height width features"], bias: Float[Array, " features"]
) -> Float[Array, "batch height width features"]:
    """Adds a bias to every pixel."""
    if _plain_only.get() or x.shape[-1] >= xla.FEW_CHANNELS:
        return x + bias
    # To a whole row at once. The gradient is a sum over pixels, which of a few channels is slow:
    # like this the pixels of a row are summed side by side.
    row = jnp.tile(bias, x.shape[2])
    return (x.reshape(*x.shape[:2], x.shape[2] * x.shape[3]) + row).reshape(x.shape)
