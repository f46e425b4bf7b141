"""Blocks of pixels as channels, and back: a strided convolution is an unstrided one of blocks."""

from jaxtyping import Array, Float


def space_to_depth(
    x: Float[Array, "batch height width channels"], stride: int
) -> Float[Array, "batch rows columns block"]:
    """Makes each block of `stride x stride` pixels one pixel that has all their channels."""
    batch, height, width, channels = x.shape
    x = x.reshape(batch, height // stride, stride, width // stride, stride, channels)
    return x.transpose(0, 1, 3, 2, 4, 5).reshape(batch, height // stride, width // stride, -1)


def depth_to_space(
    x: Float[Array, "batch rows columns block"], stride: int
) -> Float[Array, "batch height width channels"]:
    """Reverts `space_to_depth`."""
    batch, height, width, _ = x.shape
    x = x.reshape(batch, height, width, stride, stride, -1).transpose(0, 1, 3, 2, 4, 5)
    return x.reshape(batch, height * stride, width * stride, -1)


def conv_taps(
    kernel: Float[Array, "size size in out"], stride: int
) -> Float[Array, "taps taps block out"]:
    """Cuts a strided convolution's kernel into the taps of the unstrided convolution of blocks."""
    taps = _cut(kernel, stride)
    return taps.reshape(*taps.shape[:2], -1, taps.shape[-1])


def conv_transpose_taps(
    kernel: Float[Array, "size size in out"], stride: int
) -> Float[Array, "taps taps in block"]:
    """Cuts a transposed convolution's kernel into the taps of the convolution that gives blocks.

    Block I of y is the sum over a of x[I - a] times tap a: a convolution with reversed taps.
    """
    taps = _cut(kernel, stride)[::-1, ::-1].transpose(0, 1, 4, 2, 3, 5)
    return taps.reshape(*taps.shape[:3], -1)


def _cut(
    kernel: Float[Array, "size size in out"], stride: int
) -> Float[Array, "taps taps stride stride in out"]:
    taps = kernel.shape[0] // stride
    blocked = kernel.reshape(taps, stride, taps, stride, *kernel.shape[2:])
    return blocked.transpose(0, 2, 1, 3, 4, 5)


def crop(
    x: Float[Array, "batch height width channels"], margin: int
) -> Float[Array, "batch new_height new_width channels"]:
    """Cuts off a margin on each of the four sides."""
    return x[:, margin : x.shape[1] - margin, margin : x.shape[2] - margin]
