"""Simulates from the true colours the guidance that people give: hints and palettes.

Hints say which colour goes where; a palette says which colours there are. They are the local and
the global hints of Zhang et al. 2017, Real-Time User-Guided Image Colorization with Learned Deep
Priors. Both are RGBA: colours in [-1, 1] times alpha, and alpha, which is 0 or 1.
"""

import math

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Key, UInt8

from s2c_jax.models.ranges import normalize

# Smallest channel, in [-1, 1], at which a pixel counts as white: level 230.
_WHITE = 0.8

# The largest number of marks of an example with hints. The number is log-uniform from 1 on.
MAX_MARKS = 32
# The share of examples without hints.
_WITHOUT_HINTS = 0.25
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

# The share of examples without a palette.
_WITHOUT_PALETTE = 0.5
# The share of palettes whose hues are turned, with those of the picture.
_RECOLORED = 0.8
# The weight of a grey in the choice of a palette's colours; that of the most saturated colour is
# 1 + this. Few people ask for the greys between a line and the paper.
_GREY_WEIGHT = 0.05


def simulate_hints(
    keys: Key[Array, " batch"],
    sketch: Float[Array, "batch height width 3"],
    color: Float[Array, "batch height width 3"],
) -> Float[Array, "batch height width 4"]:
    """Simulates hints: no mark in a quarter of the examples, 1 to `MAX_MARKS` in the others.

    Args:
        keys: one key an example, so that the result does not depend on how a batch is split.
        sketch: pictures in [-1, 1].
        color: their true colours in [-1, 1].
    """
    return jax.vmap(_simulate_hints_of_one)(keys, sketch, color)


def _simulate_hints_of_one(key: Array, sketch: Array, color: Array) -> Array:
    none_key, count_key, marks_key = jax.random.split(key, 3)
    log_count = jax.random.uniform(count_key) * math.log(MAX_MARKS + 1)
    count = jnp.floor(jnp.exp(log_count)).astype(jnp.int32)
    without = jax.random.bernoulli(none_key, _WITHOUT_HINTS)
    return paint_marks(marks_key, sketch, color, jnp.where(without, 0, count))


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


def simulate_palettes_and_recolor(
    keys: Key[Array, " batch"],
    palettes: UInt8[Array, "batch 4 4 3"],
    color: Float[Array, "batch height width 3"],
) -> tuple[Float[Array, "batch 4 4 4"], Float[Array, "batch height width 3"]]:
    """Simulates palettes, and recolours the pictures of some of them.

    Half of the examples have no palette. A quarter have the picture's own palette by band. A
    quarter have one to four of its colours, more often saturated ones, the same in all bands.
    People ask for colours that a drawing is not known for. So most examples with a palette have the
    hues of palette and picture turned by the same angle.

    Args:
        keys: one key an example, so that the result does not depend on how a batch is split.
        palettes: the pictures' own palettes: four colours for each of four bands, in [0, 255].
        color: the pictures, in [-1, 1].

    Returns:
        The palettes and the pictures.
    """
    return jax.vmap(_simulate_palette_of_one)(keys, normalize(palettes), color)


def _simulate_palette_of_one(key: Array, own: Array, color: Array) -> tuple[Array, Array]:
    none_key, band_key, pick_key, count_key, turned_key, angle_key = jax.random.split(key, 6)
    has_palette = jax.random.bernoulli(none_key, 1 - _WITHOUT_PALETTE)
    recolored = has_palette & jax.random.bernoulli(turned_key, _RECOLORED)
    angle = jnp.where(recolored, jax.random.uniform(angle_key) * 2 * math.pi, 0.0)
    rotation = hue_rotation(angle)
    own, color = (jnp.clip(colors @ rotation.T, -1.0, 1.0) for colors in (own, color))
    colors = own.reshape(16, 3)
    saturation = _GREY_WEIGHT + jnp.ptp(colors, axis=-1) / 2
    share = saturation / saturation.sum()
    picked = jax.random.choice(pick_key, colors, (4,), replace=False, p=share)
    anywhere = jnp.broadcast_to(picked, (4, 4, 3))
    by_band = jax.random.bernoulli(band_key)
    count = jnp.where(by_band, 4, jax.random.randint(count_key, (), 1, 5))
    alpha = (has_palette & (jnp.arange(4) < count)).astype(jnp.float32)
    alpha = jnp.broadcast_to(alpha[:, None], (4, 4, 1))
    colors = jnp.where(by_band, own, anywhere)
    return jnp.concatenate([colors * alpha, alpha], axis=-1), color


def hue_rotation(angle: Float[Array, ""]) -> Float[Array, "3 3"]:
    """Returns the matrix that turns the hues of RGB colours by an angle in radians.

    It rotates the plane of I and Q in YIQ (FCC 1953), which keeps luma and greys.
    """
    to_yiq = jnp.array([[0.299, 0.587, 0.114], [0.596, -0.274, -0.322], [0.211, -0.523, 0.312]])
    sine, cosine = jnp.sin(angle), jnp.cos(angle)
    rotation = jnp.zeros((3, 3)).at[0, 0].set(1.0)
    rotation = rotation.at[1:, 1:].set(jnp.array([[cosine, -sine], [sine, cosine]]))
    return jnp.linalg.inv(to_yiq) @ rotation @ to_yiq
