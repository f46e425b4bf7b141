"""Small convolutions on CPUs: patches of the input times a matrix."""

import functools
import itertools
from collections.abc import Sequence

import jax.export
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array

from s2c_jax.models.convolution.shapes import Input, Kernel, Output
from s2c_jax.models.convolution.space_to_depth import crop
from s2c_jax.models.scheduling import recompute_in_backward


def direct_conv(x: Input, kernel: Kernel, stride: int, padding: int) -> Output:
    """Computes `convolution.conv` as patches times a matrix."""
    product = functools.partial(_patches_times_kernel, stride=stride, padding=padding)
    return recompute_in_backward(product, x, kernel)


def direct_conv_transpose(x: Input, kernel: Kernel, stride: int, padding: int) -> Output:
    """Computes `convolution.conv_transpose`: each pixel times each tap, summed where they overlap.

    The output is computed in blocks of `stride x stride` pixels. Each pixel of x reaches
    `size / stride` blocks a side.
    """
    size, _, _, features = kernel.shape
    batch, height, width, _ = x.shape
    products = [each.reshape(batch, height, width, features) for each in _tap_products(x, kernel)]
    # XLA computes a stack once, but would compute a plain sum again wherever it is read.
    places = range(stride)
    rows = [[_block_pixel(products, i, j, size, stride) for j in places] for i in places]
    y = jnp.stack([jnp.stack(row, axis=3) for row in rows], axis=2)
    return crop(y.reshape(batch, y.shape[1] * stride, y.shape[3] * stride, features), padding)


def _patches_times_kernel(x: Array, kernel: Array, *, stride: int, padding: int) -> Array:
    size, _, channels, features = kernel.shape
    x = jnp.pad(x, ((0, 0), (padding, padding), (padding, padding), (0, 0)))
    batch, height, width, _ = x.shape
    # Make `stride` neighbouring pixels of a row one, so that each patch is copied in longer pieces.
    x = x.reshape(batch, height, width // stride, stride * channels)
    rows, columns = height - size + 1, (width - size) // stride + 1
    places = itertools.product(range(size), range(size // stride))
    patches = jnp.concatenate(
        [x[:, a : a + rows : stride, b : b + columns] for a, b in places], axis=-1
    )
    # Multiply two plain matrices: with the picture's axes left in, XLA's fast matrix product does
    # not compute the gradients.
    y = patches.reshape(-1, size * size * channels) @ kernel.reshape(-1, features)
    return y.reshape(*patches.shape[:3], features)


def _tap_products(x: Array, kernel: Array) -> list[Array]:
    """Returns the products of all pixels with each of the `size x size` taps, row by row."""
    size, _, channels, features = kernel.shape
    pixels = x.reshape(-1, channels)
    if not jax.export.is_symbolic_dim(pixels.shape[0]) and len(pixels) <= features:
        # With few pixels, repeating them moves less memory than transposing the kernel.
        products = recompute_in_backward(
            lambda pixels, kernel: jnp.broadcast_to(pixels, (size**2, *pixels.shape)) @ kernel,
            pixels,
            kernel.reshape(size**2, channels, features),
        )
        return list(lax.split(products, [1] * size**2))
    products = pixels @ kernel.transpose(2, 0, 1, 3).reshape(channels, -1)
    return list(lax.split(products, [features] * size**2, axis=1))


def _block_pixel(products: Sequence[Array], row: int, column: int, size: int, stride: int) -> Array:
    """Returns the output pixels at one place of every block, from the products with each tap."""
    taps = size // stride
    parts = []
    for a, b in itertools.product(range(taps), repeat=2):
        product = products[(a * stride + row) * size + b * stride + column]
        parts.append(jnp.pad(product, ((0, 0), (a, taps - 1 - a), (b, taps - 1 - b), (0, 0))))
    return jnp.asarray(sum(parts))
