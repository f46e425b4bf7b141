"""Large convolutions on CPUs by Winograd's minimal filtering (Lavin & Gray 2016).

In one dimension, the m outputs of a filter of r taps need m + r - 1 products instead of m r:

    y = A ((G kernel) * (B x))

with small constant matrices A, G and B. The filter and a tile of m + r - 1 inputs are evaluated, as
polynomials, at as many points, and the products are interpolated. With the points 0, 1, -1 and
infinity a tile has four inputs and all constants are 0, 1, -1 or 1/2, so that in float32 the result
is as exact as the plain sum. In two dimensions and with channels, each product is a product of
matrices, [tiles, in] x [in, out], and there are 16 of them. This is 4/9 of the arithmetic, for two
taps a side as for three.

A strided convolution is an unstrided one of `size / stride` taps a side, whose channels are blocks
of `stride x stride` pixels (space to depth).

JAX's own derivative of the transforms would move several times as much memory. The gradients are
convolutions of the same kinds, so `winograd_conv` and `winograd_conv_transpose` have derivative
rules that say so.
"""

import itertools
from collections.abc import Callable, Sequence
from functools import cache, partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.custom_derivatives import CustomVJPPrimal
from jaxtyping import Array

from s2c_jax.models.convolution.shapes import Input, Kernel, Output
from s2c_jax.models.convolution.space_to_depth import (
    conv_taps,
    conv_transpose_taps,
    crop,
    depth_to_space,
)
from s2c_jax.models.scheduling import depend_on

# The side of a tile of inputs, for every number of taps.
TILE = 4

# A square of arrays by place in the tile: the inputs, outputs or products of all tiles.
_Grid = Sequence[Sequence[Array]]
# x and kernel; x is None if the kernel's gradient is unused.
_Residuals = tuple[Array | None, Array]


@partial(jax.custom_vjp, nondiff_argnums=(2, 3))
def winograd_conv(x: Input, kernel: Kernel, stride: int, padding: int) -> Output:
    """Computes `convolution.conv` for kernels of two or three times the stride."""
    height, width = ((side + 2 * padding - len(kernel)) // stride + 1 for side in x.shape[1:3])
    taps = conv_taps(kernel, stride)
    return _filter(_blocks(x, height, width, len(taps), stride, padding), taps, height, width)


@partial(jax.custom_vjp, nondiff_argnums=(2, 3))
def winograd_conv_transpose(x: Input, kernel: Kernel, stride: int, padding: int) -> Output:
    """Computes `convolution.conv_transpose` for kernels of two or three times the stride."""
    taps = conv_transpose_taps(kernel, stride)
    height, width = (side + len(taps) - 1 for side in x.shape[1:3])
    x = _pad(x, len(taps) - 1, [_num_inputs(side, len(taps)) for side in (height, width)])
    blocks = _filter(x, taps, height, width)
    return crop(depth_to_space(blocks, stride), padding)


def _forward(
    convolve: Callable[[Array, Array, int, int], Array],
    x: CustomVJPPrimal,
    kernel: CustomVJPPrimal,
    stride: int,
    padding: int,
) -> tuple[Array, _Residuals]:
    residuals = (x.value if kernel.perturbed else None, kernel.value)
    return convolve(x.value, kernel.value, stride, padding), residuals


def _conv_backward(
    stride: int, padding: int, residuals: _Residuals, dy: Array
) -> tuple[Array, Array | None]:
    x, kernel = residuals
    dx = winograd_conv_transpose(dy, kernel.swapaxes(2, 3), stride, padding)
    if x is None:
        return dx, None
    products = _gradient_products(x, dy, len(kernel), stride, padding)
    # Make dx wait for the products. They are larger than the kernel's gradient, so reduce and free
    # them before the backward pass reaches earlier layers.
    return depend_on(dx, products), _kernel_gradient(products, kernel.shape, stride)


def _conv_transpose_backward(
    stride: int, padding: int, residuals: _Residuals, dy: Array
) -> tuple[Array, Array | None]:
    x, kernel = residuals
    swapped = kernel.swapaxes(2, 3)
    dx = winograd_conv(dy, swapped, stride, padding)
    if x is None:
        return dx, None
    products = _gradient_products(dy, x, len(kernel), stride, padding)
    dkernel = _kernel_gradient(products, swapped.shape, stride).swapaxes(2, 3)
    # Make dx wait for the products, as in `_conv_backward`.
    return depend_on(dx, products), dkernel


# With symbolic_zeros, kernel.perturbed tells whether the kernel's gradient is used. If it is not,
# skip its products: XLA could not remove them, since dx depends on them.
winograd_conv.defvjp(partial(_forward, winograd_conv), _conv_backward, symbolic_zeros=True)
winograd_conv_transpose.defvjp(
    partial(_forward, winograd_conv_transpose), _conv_transpose_backward, symbolic_zeros=True
)


def _gradient_products(x: Array, dy: Array, size: int, stride: int, padding: int) -> list[Array]:
    """Returns the products, by place in the tile, that give the kernel's gradient."""
    taps = size // stride
    height, width = dy.shape[1:3]
    a, _, b = _matrices(taps)
    outputs = len(a)
    blocks = _blocks(x, height, width, taps, stride, padding)
    dy = _pad(dy, 0, [side + -side % outputs for side in (height, width)])
    inputs = _transform(b, _tiles(blocks, TILE, outputs))
    gradients = _transform(a.T, _tiles(dy, outputs, outputs))
    # [out, in]: a product over many rows is faster with its narrower operand first.
    return list(itertools.chain(*_products(gradients, inputs, contract=0)))


def _kernel_gradient(products: Sequence[Array], shape: Sequence[int], stride: int) -> Array:
    """Returns the sum over i of x[stride i + a - padding] dy[i], from `_gradient_products`."""
    size, _, channels, features = shape
    taps = size // stride
    _, g, _ = _matrices(taps)
    grid = _transform(g.T, [products[i : i + TILE] for i in range(0, len(products), TILE)])
    kernel = jnp.stack([jnp.stack(row) for row in grid])
    kernel = kernel.reshape(taps, taps, features, stride, stride, channels)
    return kernel.transpose(0, 3, 1, 4, 5, 2).reshape(shape)


def _filter(x: Array, taps: Array, height: int, width: int) -> Array:
    """Returns y[i] = sum over a of x[i + a] taps[a] for height x width places.

    The inputs x are those of whole tiles; the taps are [taps, taps, in, out].
    """
    a, g, b = _matrices(len(taps))
    outputs = len(a)
    inputs = _transform(b, _tiles(x, TILE, outputs))
    batch, rows, columns, _ = inputs[0][0].shape
    products = _products(inputs, _transform(g, taps), contract=1)
    parts = [
        [product.reshape(batch, rows, columns, -1) for product in line]
        for line in _transform(a, products)
    ]
    y = jnp.stack([jnp.stack(line, axis=3) for line in parts], axis=2)
    return y.reshape(batch, rows * outputs, columns * outputs, -1)[:, :height, :width]


@cache
def _matrices(taps: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns A [outputs, 4], G [4, taps] and B [4, 4] for the points 0, 1, -1 and infinity.

    They are those of the Toom-Cook algorithm, with the denominators in G.
    """
    outputs = TILE - taps + 1
    points = np.array([0.0, 1.0, -1.0])
    a, g, b = np.zeros((outputs, TILE)), np.zeros((TILE, taps)), np.zeros((TILE, TILE))
    for row, point in enumerate(points):
        others = np.delete(points, row)
        a[:, row] = point ** np.arange(outputs)
        g[row] = point ** np.arange(taps) / np.prod(point - others)
        b[row, : len(points)] = np.poly(others)[::-1]
    a[-1, -1] = g[-1, -1] = 1
    b[-1] = np.poly(points)[::-1]
    return a, g, b


def _transform(matrix: np.ndarray, grid: _Grid | Array) -> list[list[Array]]:
    """Returns the product `matrix grid matrix^T`, whose elements are arrays."""
    columns = range(len(grid[0]))
    rows = [[_combine(row, [line[j] for line in grid]) for j in columns] for row in matrix]
    return [[_combine(row, line) for row in matrix] for line in rows]


def _combine(coefficients: np.ndarray, arrays: Sequence[Array]) -> Array:
    """Returns the sum of coefficients times arrays, without the terms that are 0."""
    return jnp.asarray(
        sum(
            array if coefficient == 1 else float(coefficient) * array
            for coefficient, array in zip(coefficients, arrays, strict=True)
            if coefficient
        )
    )


def _products(left: _Grid, right: _Grid, contract: int) -> list[list[Array]]:
    """Multiplies two grids place by place, as matrices [rest, last axis].

    Each product sums over the axis `contract` of the left matrix and axis 0 of the right one.
    """
    product = partial(_product, contract=contract)
    return [list(map(product, *rows)) for rows in zip(left, right, strict=True)]


def _product(left: Array, right: Array, contract: int) -> Array:
    left, right = left.reshape(-1, left.shape[-1]), right.reshape(-1, right.shape[-1])
    return lax.dot_general(left, right, (((contract,), (0,)), ((), ())))


def _tiles(x: Array, side: int, step: int) -> list[list[Array]]:
    """Cuts x into tiles, `side` long and `step` apart, and returns an array for each place."""
    ends = [length - side + 1 for length in x.shape[1:3]]
    return [
        [x[:, i : i + ends[0] : step, j : j + ends[1] : step] for j in range(side)]
        for i in range(side)
    ]


def _blocks(x: Array, height: int, width: int, taps: int, stride: int, padding: int) -> Array:
    """Returns the blocks of pixels that whole tiles of height x width outputs are computed from."""
    x = _pad(x, padding, [_num_inputs(side, taps) * stride for side in (height, width)])
    batch, rows, columns = x.shape[0], x.shape[1] // stride, x.shape[2] // stride
    # As `space_to_depth`, but by a stack: XLA computes a stack once, and a transposition again for
    # every tile that reads it.
    lines = [x[:, i::stride].reshape(batch, rows, columns, -1) for i in range(stride)]
    return jnp.stack(lines, axis=3).reshape(batch, rows, columns, -1)


def _num_inputs(outputs: int, taps: int) -> int:
    """Returns the number of inputs of the tiles that cover a row of outputs."""
    return outputs + -outputs % (TILE - taps + 1) + taps - 1


def _pad(x: Array, before: int, sides: Sequence[int]) -> Array:
    """Puts zeros before and behind both axes, to make them `sides` long."""
    after = [side - before - length for side, length in zip(sides, x.shape[1:3], strict=True)]
    return jnp.pad(x, ((0, 0), *((before, each) for each in after), (0, 0)))
