"""Hints as people paint them: dots and strokes in roughly the true colours.

These are the local hints of Zhang et al. 2017, Real-Time User-Guided Image Colorization with
Learned Deep Priors. They are RGBA: colours in [-1, 1] times alpha, and alpha, which is 0 or 1. The
functions are pure functions of JAX arrays, so that training can paint hints on the device.
"""

import math

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Key

# Smallest channel, in [-1, 1], at which a pixel counts as white: level 230.
_WHITE = 0.8

# The largest number of marks in a picture.
MAX_MARKS = 32
# The smallest and the largest radius of a mark, in shares of the picture's side; log-uniform.
_MIN_RADIUS, _MAX_RADIUS = 0.008, 0.04
# The greatest length of a stroke, in shares of the picture's side.
_MAX_LENGTH = 0.25
# The standard deviation of a mark's place from the pixel that its colour comes from, in shares of
# the picture's side: people do not aim well.
_PLACE_DEVIATION = 0.01
# The greatest difference of a mark's colour from the true one, in [-1, 1], for each channel.
_MAX_COLOR_SHIFT = 0.08
# The greatest difference of the true colours along a stroke, in [-1, 1], for each channel.
_STROKE_TOLERANCE = 0.1
# The weight of a white pixel in the choice of a mark's place; that of a coloured one is 1 + this.
_PAPER_WEIGHT = 0.1


def paint_marks(
    key: Key[Array, ""],
    sketch: Float[Array, "height width 3"],
    color: Float[Array, "height width 3"],
    count: Int[Array, ""],
) -> Float[Array, "height width 4"]:
    """Paints dots and strokes in roughly the true colours, near the pixels that have them.

    A mark begins at a pixel where the sketch is blank, most often a coloured one. Half of the marks
    are dots. A stroke along which the true colour changes is shortened to a dot.

    Args:
        key: the source of the marks.
        sketch: a picture in [-1, 1].
        color: its true colours in [-1, 1].
        count: the number of marks, at most `MAX_MARKS`. The same key gives the same first marks.
    """
    start, vector, radius, mark_color = _draw_marks(key, sketch, color)
    height, width, _ = color.shape
    rows, columns = jnp.mgrid[:height, :width].astype(jnp.float32)
    row, column = (part[:, None, None] for part in start.T)
    down, right = (part[:, None, None] for part in vector.T)
    # The nearest point of each mark's axis, as a share of its length.
    along = (rows - row) * down + (columns - column) * right
    along = jnp.clip(along / jnp.maximum(down**2 + right**2, 1e-6), 0.0, 1.0)
    distance = jnp.hypot(rows - row - along * down, columns - column - along * right)
    number = jnp.arange(MAX_MARKS)[:, None, None]
    # A radius of half a pixel covers one pixel: the smallest dot.
    covered = (distance <= jnp.maximum(radius, 0.5)[:, None, None]) & (number < count)
    # A pixel has the colour of the last mark that covers it.
    last = jnp.where(covered, number, -1).max(axis=0)
    painted = jnp.concatenate([mark_color, jnp.ones((MAX_MARKS, 1))], axis=-1)[last]
    return jnp.where((last >= 0)[..., None], painted, 0.0)


def _draw_marks(
    key: Array, sketch: Array, color: Array
) -> tuple[
    Float[Array, "marks 2"],
    Float[Array, "marks 2"],
    Float[Array, " marks"],
    Float[Array, "marks 3"],
]:
    """Draws `MAX_MARKS` dots and strokes at random, in pixel coordinates (row, column).

    Returns:
        The beginnings of the marks, the vectors from there to their ends (zero for a dot), half of
        their widths, and their colours in [-1, 1].
    """
    height, width, _ = color.shape
    side = max(height, width)
    place_key, shift_key, turn_key, length_key, radius_key, color_key = jax.random.split(key, 6)
    start = _draw_pixels(place_key, sketch, color)
    true_color = _color_at(color, start)
    turn = jax.random.uniform(turn_key, (MAX_MARKS,), maxval=2 * math.pi)
    # Half of the lengths are negative: these marks are dots.
    length = jax.random.uniform(length_key, (MAX_MARKS,), minval=-_MAX_LENGTH, maxval=_MAX_LENGTH)
    length *= side
    direction = jnp.stack([jnp.sin(turn), jnp.cos(turn)], axis=-1)
    vector = jnp.maximum(length, 0.0)[:, None] * direction
    keeps_color = [
        jnp.abs(_color_at(color, start + share * vector) - true_color).max(axis=-1)
        < _STROKE_TOLERANCE
        for share in (0.25, 0.5, 0.75, 1.0)
    ]
    vector = jnp.where(jnp.stack(keeps_color).all(axis=0)[:, None], vector, 0.0)
    start += jnp.round(_PLACE_DEVIATION * side * jax.random.normal(shift_key, (MAX_MARKS, 2)))
    low, high = math.log(_MIN_RADIUS), math.log(_MAX_RADIUS)
    radius = jnp.exp(jax.random.uniform(radius_key, (MAX_MARKS,), minval=low, maxval=high)) * side
    shift = jax.random.uniform(color_key, true_color.shape, minval=-1.0) * _MAX_COLOR_SHIFT
    return start, vector, radius, jnp.clip(true_color + shift, -1.0, 1.0)


def _draw_pixels(key: Array, sketch: Array, color: Array) -> Float[Array, "marks 2"]:
    """Draws pixels (row, column) where the sketch is blank, coloured ones most often."""
    height, width, _ = color.shape
    weights = jnp.where(is_blank(sketch), _PAPER_WEIGHT + is_colored(color), 0.0) + 1e-6
    cumulative = jnp.cumsum(weights.ravel())
    drawn = jax.random.uniform(key, (MAX_MARKS,)) * cumulative[-1]
    index = jnp.clip(jnp.searchsorted(cumulative, drawn), 0, height * width - 1)
    return jnp.stack([index // width, index % width], axis=-1).astype(jnp.float32)


def _color_at(color: Array, place: Float[Array, "marks 2"]) -> Float[Array, "marks 3"]:
    """Returns the colours of the nearest pixels inside the picture."""
    height, width, _ = color.shape
    row, column = jnp.round(place).astype(jnp.int32).T
    return color[jnp.clip(row, 0, height - 1), jnp.clip(column, 0, width - 1)]


def is_blank(sketch: Float[Array, "*shape 3"]) -> Bool[Array, "*shape"]:
    """Returns where a sketch in [-1, 1] has no line."""
    return sketch.min(axis=-1) > _WHITE


def is_colored(color: Float[Array, "*shape 3"]) -> Bool[Array, "*shape"]:
    """Returns where a colour picture in [-1, 1] is not white."""
    return color.min(axis=-1) < _WHITE
