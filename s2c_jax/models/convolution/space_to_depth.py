"""Blocks of pixels as channels, and back: strided convolutions are unstrided ones of blocks."""

from jaxtyping import Array, Float


def space_to_depth(
    x: Float[Array, "batch height width channels"], stride: int
) -> Float[Array, "batch rows columns block"]:
    """Makes each block of `stride x stride` pixels one; the stride divides height and width."""
    batch, height, width, channels = x.shape
    x = x.reshape(batch, height // stride, stride, width // stride, stride, channels)
    return x.transpose(0, 1, 3, 2, 4, 5).reshape(batch, height // stride, width // stride, -1)


def depth_to_space(
    x: Float[Array, "batch rows columns block"], stride: int
) -> Float[Array, "batch height width channels"]:
    """The inverse of `space_to_depth`."""
    batch, height, width, _ = x.shape
    x = x.reshape(batch, height, width, stride, stride, -1).transpose(0, 1, 3, 2, 4, 5)
    return x.reshape(batch, height * stride, width * stride, -1)


def kernel_to_blocks(
    kernel: Float[Array, "size size in out"], stride: int
) -> Float[Array, "taps taps stride stride in out"]:
    """A kernel, whose side is a multiple of the stride, as taps that blocks are multiplied by."""
    taps = kernel.shape[0] // stride
    blocked = kernel.reshape(taps, stride, taps, stride, *kernel.shape[2:])
    return blocked.transpose(0, 2, 1, 3, 4, 5)


def crop(x: Float[Array, "batch height width channels"], margin: int) -> Array:
    """Cuts off a margin on each of the four sides."""
    return x[:, margin : x.shape[1] - margin, margin : x.shape[2] - margin]
