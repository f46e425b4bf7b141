"""Convolutions by their definition, and random operands for them."""

import numpy as np

# Kernel, stride and padding of every convolution in the networks.
KINDS = [(4, 2, 1), (2, 1, 0), (3, 1, 1)]


def conv_by_definition(x, kernel, stride, padding):
    size, _, _, features = kernel.shape
    x = np.pad(x, ((0, 0), (padding, padding), (padding, padding), (0, 0)))
    height, width = ((side - size) // stride + 1 for side in x.shape[1:3])
    y = np.zeros((len(x), height, width, features))
    for i in range(height):
        for j in range(width):
            window = x[:, i * stride : i * stride + size, j * stride : j * stride + size]
            y[:, i, j] = np.einsum("nabc,abco->no", window, kernel)
    return y


def conv_transpose_by_definition(x, kernel, stride, padding):
    size, _, _, features = kernel.shape
    batch, height, width, _ = x.shape
    y = np.zeros((batch, (height - 1) * stride + size, (width - 1) * stride + size, features))
    for i in range(height):
        for j in range(width):
            y[:, i * stride : i * stride + size, j * stride : j * stride + size] += np.einsum(
                "nc,abco->nabo", x[:, i, j], kernel
            )
    return y[:, padding : y.shape[1] - padding, padding : y.shape[2] - padding]


def operands(seed, batch, height, width, channels, features, size):
    """Returns random activations and a random kernel."""
    rng = np.random.default_rng(seed)
    return (
        rng.normal(size=(batch, height, width, channels)).astype(np.float32),
        rng.normal(size=(size, size, channels, features)).astype(np.float32),
    )
