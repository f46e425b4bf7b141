"""Convolutions as matrix products, for XLA's CPU back end, whose own have gradients in slow loops.

Small ones are patches times a matrix. Large ones are computed by Winograd's minimal filtering
(Lavin & Gray 2016). In one dimension the m outputs of a filter of r taps need m + r - 1 products
instead of m r:

    y = A ((G kernel) * (B x))

with small constant matrices A, G and B: the filter and a tile of m + r - 1 inputs, as polynomials,
are evaluated at as many points, and the products interpolated. At the points 0, 1, -1 and infinity
a tile has four inputs, and all constants are 0, 1, -1 or 1/2, so that in float32 the result is as
exact as the plain sum. In two dimensions and with channels each product is one of matrices,
[tiles, in] x [in, out], and there are 16 of them: 4/9 of the arithmetic, for two taps a side and
for three.

A strided convolution is one of `size / stride` taps a side, whose channels are blocks of
`stride x stride` pixels (space to depth).
"""

import functools
import itertools
from collections.abc import Sequence
from typing import Any

import jax
import jax.export
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float

from s2c_jax.models.convolution.space_to_depth import crop, depth_to_space, kernel_to_blocks
from s2c_jax.models.scheduling import depend_on

# The side of a tile of inputs, for every number of taps.
TILE = 4

# A square of arrays, by place in the tile: of the inputs, outputs or products of all tiles.
_Grid = Sequence[Sequence[Array]]


@functools.partial(jax.custom_vjp, nondiff_argnums=(2, 3))
def conv_winograd(x: Array, kernel: Array, stride: int, padding: int) -> Array:
    """`layers.conv` by minimal filtering, for kernels of two or three times the stride."""
    return winograd_conv(x, kernel, stride, padding)


@functools.partial(jax.custom_vjp, nondiff_argnums=(2, 3))
def conv_transpose_winograd(x: Array, kernel: Array, stride: int, padding: int) -> Array:
    """`layers.conv_transpose` by minimal filtering, for two or three times the stride."""
    return winograd_conv_transpose(x, kernel, stride, padding)


# Left to itself JAX would differentiate the transforms, which moves several times as much memory.
# The gradients are convolutions of the same kinds again. The layers before wait for the kernel's,
# which is smaller than what it is made from. If it is not asked for, x is None: as they wait, XLA
# would not leave it out.
def _conv_backward(
    stride: int, padding: int, operands: Any, dy: Array
) -> tuple[Array, Array | None]:
    x, kernel = operands
    dx = winograd_conv_transpose(dy, kernel.swapaxes(2, 3), stride, padding)
    if x is None:
        return dx, None
    products = _correlate(x, dy, len(kernel), stride, padding)
    return depend_on(dx, products), _kernel(products, kernel.shape, stride)


def _conv_transpose_backward(
    stride: int, padding: int, operands: Any, dy: Array
) -> tuple[Array, Array | None]:
    x, kernel = operands
    turned = kernel.swapaxes(2, 3)
    dx = winograd_conv(dy, turned, stride, padding)
    if x is None:
        return dx, None
    products = _correlate(dy, x, len(kernel), stride, padding)
    return depend_on(dx, products), _kernel(products, turned.shape, stride).swapaxes(2, 3)


def _operands(x: Any, kernel: Any) -> tuple[Array | None, Array]:
    """What the gradients need, of arguments that tell whether theirs is asked for."""
    return x.value if kernel.perturbed else None, kernel.value


conv_winograd.defvjp(
    lambda x, kernel, stride, padding: (
        winograd_conv(x.value, kernel.value, stride, padding), _operands(x, kernel)
    ),
    _conv_backward,
    symbolic_zeros=True,
)  # fmt: skip


conv_transpose_winograd.defvjp(
    lambda x, kernel, stride, padding: (
        winograd_conv_transpose(x.value, kernel.value, stride, padding), _operands(x, kernel)
    ),
    _conv_transpose_backward,
    symbolic_zeros=True,
)  # fmt: skip


def winograd_conv(x: Array, kernel: Array, stride: int, padding: int) -> Array:
    """y[i] = sum over a of x[stride i + a - padding] kernel[a]."""
    size = kernel.shape[0]
    height, width = ((side + 2 * padding - size) // stride + 1 for side in x.shape[1:3])
    taps = kernel_to_blocks(kernel, stride)
    blocks = _blocks(x, height, width, len(taps), stride, padding)
    return _filter(blocks, taps.reshape(*taps.shape[:2], -1, taps.shape[-1]), height, width)


def winograd_conv_transpose(x: Array, kernel: Array, stride: int, padding: int) -> Array:
    """Adds x[i] kernel[a] to y[stride i + a - padding]."""
    # Block I of y is the sum over a of x[I - a] times tap a: a filter turned around.
    taps = kernel_to_blocks(kernel, stride)[::-1, ::-1].transpose(0, 1, 4, 2, 3, 5)
    height, width = (side + len(taps) - 1 for side in x.shape[1:3])
    x = _pad(x, len(taps) - 1, [_inputs(side, len(taps)) for side in (height, width)])
    blocks = _filter(x, taps.reshape(*taps.shape[:3], -1), height, width)
    return crop(depth_to_space(blocks, stride), padding)


def _correlate(x: Array, y: Array, size: int, stride: int, padding: int) -> list[Array]:
    """The products that `_kernel` makes a kernel's gradient from, by place in the tile."""
    taps = size // stride
    height, width = y.shape[1:3]
    a, _, b = _matrices(taps)
    outputs = len(a)
    blocks = _blocks(x, height, width, taps, stride, padding)
    y = _pad(y, 0, [side + -side % outputs for side in (height, width)])
    inputs = _transform(b, _tiles(blocks, TILE, outputs))
    gradients = _transform(a.T, _tiles(y, outputs, outputs))
    # [out, in]: a product over many rows is faster with its narrower operand first.
    return list(itertools.chain(*_products(gradients, inputs, contract=0)))


def _kernel(products: Sequence[Array], shape: Sequence[int], stride: int) -> Array:
    """kernel[a] = sum over i of x[stride i + a - padding] y[i], for each pair of channels."""
    size, _, channels, features = shape
    taps = size // stride
    _, g, _ = _matrices(taps)
    grid = _transform(g.T, [products[i : i + TILE] for i in range(0, len(products), TILE)])
    kernel = jnp.stack([jnp.stack(row) for row in grid])
    kernel = kernel.reshape(taps, taps, features, stride, stride, channels)
    return kernel.transpose(0, 3, 1, 4, 5, 2).reshape(shape)


def _filter(
    x: Float[Array, "batch rows columns in"],
    taps: Float[Array, "taps taps in out"],
    height: int,
    width: int,
) -> Float[Array, "batch height width out"]:
    """y[i] = sum over a of x[i + a] taps[a]; x has the inputs of whole tiles."""
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


@functools.cache
def _matrices(taps: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns A [outputs, 4], G [4, taps] and B [4, 4], of Toom and Cook's points 0, 1, -1, inf."""
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
    """The product matrix grid matrix^T, whose elements are arrays."""
    columns = range(len(grid[0]))
    rows = [[_combine(row, [line[j] for line in grid]) for j in columns] for row in matrix]
    return [[_combine(row, line) for row in matrix] for line in rows]


def _combine(coefficients: np.ndarray, arrays: Sequence[Array]) -> Array:
    """The sum of arrays times coefficients, without those that are 0."""
    return jnp.asarray(
        sum(
            array if coefficient == 1 else float(coefficient) * array
            for coefficient, array in zip(coefficients, arrays, strict=True)
            if coefficient
        )
    )


def _products(left: _Grid, right: _Grid, contract: int) -> list[list[Array]]:
    """The matrix products of two grids' arrays, over the last (1) or all but the last axes (0)."""

    def product(p: Array, q: Array) -> Array:
        p, q = p.reshape(-1, p.shape[-1]), q.reshape(-1, q.shape[-1])
        return lax.dot_general(p, q, (((contract,), (0,)), ((), ())))

    return [
        [product(p, q) for p, q in zip(*rows, strict=True)]
        for rows in zip(left, right, strict=True)
    ]


def _tiles(x: Array, side: int, step: int) -> list[list[Array]]:
    """The arrays of what lies at each place of tiles, `side` long and `step` apart."""
    ends = [length - side + 1 for length in x.shape[1:3]]
    return [
        [x[:, i : i + ends[0] : step, j : j + ends[1] : step] for j in range(side)]
        for i in range(side)
    ]


def _blocks(x: Array, height: int, width: int, taps: int, stride: int, padding: int) -> Array:
    """The blocks of pixels that whole tiles of height x width outputs are computed from."""
    x = _pad(x, padding, [_inputs(side, taps) * stride for side in (height, width)])
    batch, rows, columns = x.shape[0], x.shape[1] // stride, x.shape[2] // stride
    # As in `space_to_depth`, but stacked, which is done once. Where a tile is read XLA would
    # find out anew which pixel is where in a block.
    lines = [x[:, i::stride].reshape(batch, rows, columns, -1) for i in range(stride)]
    return jnp.stack(lines, axis=3).reshape(batch, rows, columns, -1)


def _inputs(outputs: int, taps: int) -> int:
    """How many inputs the tiles have that cover a row of outputs."""
    return outputs + -outputs % (TILE - taps + 1) + taps - 1


def _pad(x: Array, before: int, sides: Sequence[int]) -> Array:
    """Puts zeros before and behind both axes, to make them `sides` long."""
    after = [side - before - length for side, length in zip(sides, x.shape[1:3], strict=True)]
    return jnp.pad(x, ((0, 0), *((before, each) for each in after), (0, 0)))
