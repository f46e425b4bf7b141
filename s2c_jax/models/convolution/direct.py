"""Small convolutions as matrix products: patches times a matrix."""

import itertools

import jax
import jax.export
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array

from s2c_jax.models.convolution.space_to_depth import crop
from s2c_jax.models.scheduling import recompute_in_backward


def conv_direct(x: Array, kernel: Array, stride: int, padding: int) -> Array:
    """`layers.conv` as patches times a matrix."""
    size, _, channels, features = kernel.shape

    def times_patches(x: Array, kernel: Array) -> Array:
        x = jnp.pad(x, ((0, 0), (padding, padding), (padding, padding), (0, 0)))
        batch, height, width, _ = x.shape
        # Of a patch's row a stride's pixels are copied together.
        x = x.reshape(batch, height, width // stride, stride * channels)
        rows, columns = height - size + 1, (width - size) // stride + 1
        places = itertools.product(range(size), range(size // stride))
        patches = jnp.concatenate(
            [x[:, a : a + rows : stride, b : b + columns] for a, b in places], axis=-1
        )
        # Two plain matrices: with the picture's axes left in, gradients miss XLA's fast product.
        y = patches.reshape(-1, size * size * channels) @ kernel.reshape(-1, features)
        return y.reshape(*patches.shape[:3], features)

    return recompute_in_backward(times_patches, x, kernel)


def conv_transpose_direct(x: Array, kernel: Array, stride: int, padding: int) -> Array:
    """`layers.conv_transpose` as each pixel times each tap, added up where they overlap."""
    size, _, channels, features = kernel.shape
    batch, height, width, _ = x.shape
    pixels = x.reshape(-1, channels)
    if not jax.export.is_symbolic_dim(pixels.shape[0]) and len(pixels) <= features:
        # To repeat the pixels moves less memory than to bring the kernel's taps to its end.
        products = recompute_in_backward(
            lambda pixels, kernel: jnp.broadcast_to(pixels, (size**2, *pixels.shape)) @ kernel,
            pixels,
            kernel.reshape(size**2, channels, features),
        )
        each = lax.split(products, [1] * size**2)
    else:
        products = pixels @ kernel.transpose(2, 0, 1, 3).reshape(channels, -1)
        each = lax.split(products, [features] * size**2, axis=1)
    taps = size // stride

    def place(row: int, column: int) -> Array:
        """The sums in one place of all blocks of stride x stride pixels."""
        parts = []
        for a, b in itertools.product(range(taps), repeat=2):
            product = each[(a * stride + row) * size + b * stride + column]
            margins = ((0, 0), (a, taps - 1 - a), (b, taps - 1 - b), (0, 0))
            parts.append(jnp.pad(product.reshape(batch, height, width, features), margins))
        return jnp.asarray(sum(parts))

    # A stack is computed once. A plain sum XLA would compute again wherever it is read.
    places = range(stride)
    y = jnp.stack([jnp.stack([place(i, j) for j in places], axis=3) for i in places], axis=2)
    return crop(y.reshape(batch, y.shape[1] * stride, y.shape[3] * stride, features), padding)
