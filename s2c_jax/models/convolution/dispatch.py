"""The public convolutions, which choose an implementation when a program is lowered."""

import contextlib
import contextvars
from collections.abc import Callable, Iterator

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

from s2c_jax.models.convolution import matmul, xla

# A function of activations, kernel, stride and padding.
_Implementation = Callable[[Array, Array, int, int], Array]

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


def conv(
    x: Float[Array, "batch height width in"],
    kernel: Float[Array, "size size in out"],
    *,
    stride: int,
    padding: int,
) -> Float[Array, "batch new_height new_width out"]:
    """Convolves with zero padding: y[i] = sum over a of x[stride i + a - padding] kernel[a].

    Args:
        x: activations. Height and width plus twice the padding must be multiples of the stride.
        kernel: square taps whose side is a multiple of the stride.
        stride: the step between outputs.
        padding: the number of zeros added on each of the four sides.

    Returns:
        Activations of side (side + 2 padding - size) / stride + 1.
    """
    return _by_platform(
        x, kernel, stride, padding,
        single=xla.single_operation_conv, cpu=matmul.matmul_conv, accelerator=xla.xla_conv,
    )  # fmt: skip


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
        stride: the distance in the output between neighbouring inputs.
        padding: the number of output pixels cut off on each of the four sides.

    Returns:
        Activations of side (side - 1) stride + size - 2 padding.
    """
    return _by_platform(
        x, kernel, stride, padding,
        single=xla.single_operation_conv_transpose,
        cpu=matmul.matmul_conv_transpose,
        accelerator=xla.xla_conv_transpose,
    )  # fmt: skip


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


def _by_platform(
    x: Array,
    kernel: Array,
    stride: int,
    padding: int,
    *,
    single: _Implementation,
    cpu: _Implementation,
    accelerator: _Implementation,
) -> Array:
    if _single_operation.get():
        return single(x, kernel, stride, padding)
    return lax.platform_dependent(
        x,
        kernel,
        cpu=lambda x, kernel: cpu(x, kernel, stride, padding),
        default=lambda x, kernel: accelerator(x, kernel, stride, padding),
    )
