"""What a person says about the colours, simulated from the truth for training.

Hints say what goes where, a palette what there is (the local and global hints of Zhang et al.,
Real-Time User-Guided Image Colorization with Learned Deep Priors, 2017). Both are RGBA, transparent
where nothing is said.
"""

import math

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Key, UInt8

from s2c_jax.models.ranges import normalize

# Marks of a hinted example: one to so many, few as often as many.
MAX_MARKS = 32


_WITHOUT_HINTS, _WITHOUT_PALETTE, _TURNED = 0.25, 0.5, 0.8


# Of a mark, in shares of the picture's side: radius from and to, a stroke's greatest length, and
# the deviation of its place from what it is about.
_RADII, _LENGTH, _SHIFT = (0.008, 0.04), 0.25, 0.01


# How far a mark's colour is from the true one, and how far one end of a stroke may be from the
# other, in [-1, 1].
_COLOR_SHIFT, _SAME_COLOR = 0.08, 0.1


# Hints are about what is coloured, but some say that there is paper.
_PAPER_WEIGHT = 0.1


# Nobody asks for the greys between a line and paper.
_GREY_WEIGHT = 0.05


Pictures = Float[Array, "batch height width 3"]


Hints = Float[Array, "batch height width 4"]


Palettes = Float[Array, "batch 4 4 4"]


def simulate_hints(keys: Key[Array, " batch"], sketch: Pictures, color: Pictures) -> Hints:
    """Simulates what people would paint: nothing in a quarter of the examples, else some marks.

    Args:
        keys: one key an example, so that the result does not depend on how a batch is split.
        sketch: pictures in [-1, 1].
        color: their true colours in [-1, 1].

    Returns:
        See `marks`.
    """

    def one(key: Array, sketch: Array, color: Array) -> Array:
        none_key, count_key, marks_key = jax.random.split(key, 3)
        few_or_many = jax.random.uniform(count_key) * math.log(MAX_MARKS + 1)
        count = jnp.floor(jnp.exp(few_or_many)).astype(jnp.int32)
        none = jax.random.bernoulli(none_key, _WITHOUT_HINTS)
        return marks(marks_key, sketch, color, jnp.where(none, 0, count))

    return jax.vmap(one)(keys, sketch, color)


def marks(
    key: Key[Array, ""],
    sketch: Float[Array, "height width 3"],
    color: Float[Array, "height width 3"],
    count: Int[Array, ""],
) -> Float[Array, "height width 4"]:
    """Paints dots and strokes of random sizes in about the true colours, near where these are.

    A mark is about a place where the sketch is blank, most often one that is coloured. Half of
    them are dots; a stroke that would end in another colour is a dot as well.

    Args:
        key: where they come from.
        sketch: a picture in [-1, 1].
        color: its true colours in [-1, 1].
        count: how many marks, at most `MAX_MARKS`; with the same key the same first ones.

    Returns:
        Colours in [-1, 1] times alpha, and alpha, 0 or 1.
    """
    height, width, _ = color.shape
    side = max(height, width)
    place_key, shift_key, turn_key, length_key, radius_key, color_key = jax.random.split(key, 6)

    weights = jnp.where(is_blank(sketch), _PAPER_WEIGHT + is_colored(color), 0.0) + 1e-6
    upto = jnp.cumsum(weights.ravel())
    drawn = jax.random.uniform(place_key, (MAX_MARKS,)) * upto[-1]
    index = jnp.clip(jnp.searchsorted(upto, drawn), 0, height * width - 1)
    start = jnp.stack([index // width, index % width], axis=-1).astype(jnp.float32)

    def color_at(place: Float[Array, "marks 2"]) -> Float[Array, "marks 3"]:
        row, column = jnp.round(place).astype(jnp.int32).T
        return color[jnp.clip(row, 0, height - 1), jnp.clip(column, 0, width - 1)]

    turn = jax.random.uniform(turn_key, (MAX_MARKS,), maxval=2 * math.pi)
    # Negative for half of them.
    length = jax.random.uniform(length_key, (MAX_MARKS,), minval=-_LENGTH, maxval=_LENGTH) * side
    way = jnp.maximum(length, 0.0)[:, None] * jnp.stack([jnp.sin(turn), jnp.cos(turn)], axis=-1)
    true_color = color_at(start)
    stays = [
        jnp.abs(color_at(start + share * way) - true_color).max(axis=-1) < _SAME_COLOR
        for share in (0.25, 0.5, 0.75, 1.0)
    ]
    way = jnp.where(jnp.stack(stays).all(axis=0)[:, None], way, 0.0)
    start += jnp.round(_SHIFT * side * jax.random.normal(shift_key, (MAX_MARKS, 2)))
    low, high = map(math.log, _RADII)
    radius = jnp.exp(jax.random.uniform(radius_key, (MAX_MARKS,), minval=low, maxval=high)) * side
    shift = jax.random.uniform(color_key, true_color.shape, minval=-1.0) * _COLOR_SHIFT
    colors = jnp.clip(true_color + shift, -1.0, 1.0)

    # A pixel has the colour of the last mark that covers it.
    rows, columns = jnp.mgrid[:height, :width].astype(jnp.float32)
    row, column = (part[:, None, None] for part in start.T)
    down, right = (part[:, None, None] for part in way.T)
    along = (rows - row) * down + (columns - column) * right
    along = jnp.clip(along / jnp.maximum(down**2 + right**2, 1e-6), 0.0, 1.0)
    distance = jnp.hypot(rows - row - along * down, columns - column - along * right)
    number = jnp.arange(MAX_MARKS)[:, None, None]
    # Half a pixel, so that the smallest dot is one.
    covered = (distance <= jnp.maximum(radius, 0.5)[:, None, None]) & (number < count)
    last = jnp.where(covered, number, -1).max(axis=0)
    painted = jnp.concatenate([colors, jnp.ones((MAX_MARKS, 1))], axis=-1)[last]
    return jnp.where((last >= 0)[..., None], painted, 0.0)


def is_blank(sketch: Float[Array, "*shape 3"]) -> Bool[Array, "*shape"]:
    """Returns where a sketch in [-1, 1] has no line."""
    return sketch.min(axis=-1) > 0.8


def is_colored(color: Float[Array, "*shape 3"]) -> Bool[Array, "*shape"]:
    """Returns where a colour picture in [-1, 1] is not white."""
    return color.min(axis=-1) < 0.8


def simulate_palettes_and_recolor(
    keys: Key[Array, " batch"], palettes: UInt8[Array, "batch 4 4 3"], color: Pictures
) -> tuple[Palettes, Pictures]:
    """Simulates the palettes that people would give.

    Half of the examples have none, a quarter the picture's own by band, and a quarter one to four
    of the picture's colours without saying where, more often lively ones. People ask for colours
    that the drawing is not known for: of those with a palette, most have the hues of palette and
    picture turned alike.

    Args:
        keys: one key an example.
        palettes: the pictures' own: for each of four bands four colours, in [0, 255].
        color: the pictures, in [-1, 1].

    Returns:
        The palettes, colours in [-1, 1] times alpha, and alpha, 0 or 1; and the pictures.
    """

    def one(key: Array, own: Array, color: Array) -> tuple[Array, Array]:
        none_key, band_key, pick_key, count_key, turned_key, angle_key = jax.random.split(key, 6)
        given = jax.random.bernoulli(none_key, 1 - _WITHOUT_PALETTE)
        turned = given & jax.random.bernoulli(turned_key, _TURNED)
        turn = hue_rotation(jnp.where(turned, jax.random.uniform(angle_key) * 2 * math.pi, 0.0))
        own, color = (jnp.clip(colors @ turn.T, -1.0, 1.0) for colors in (own, color))

        colors = own.reshape(16, 3)
        lively = _GREY_WEIGHT + jnp.ptp(colors, axis=-1) / 2
        picked = jax.random.choice(pick_key, colors, (4,), replace=False, p=lively / lively.sum())
        anywhere = jnp.broadcast_to(picked, (4, 4, 3))
        by_band = jax.random.bernoulli(band_key)
        count = jnp.where(by_band, 4, jax.random.randint(count_key, (), 1, 5))
        alpha = (given & (jnp.arange(4) < count)).astype(jnp.float32)
        alpha = jnp.broadcast_to(alpha[:, None], (4, 4, 1))
        colors = jnp.where(by_band, own, anywhere)
        return jnp.concatenate([colors * alpha, alpha], axis=-1), color

    return jax.vmap(one)(keys, normalize(palettes), color)


def hue_rotation(angle: Float[Array, ""]) -> Float[Array, "3 3"]:
    """Returns the matrix that turns the hues of RGB colours and keeps their luma and all greys.

    It is a rotation of the plane of I and Q in YIQ (FCC 1953).
    """
    to_yiq = jnp.array([[0.299, 0.587, 0.114], [0.596, -0.274, -0.322], [0.211, -0.523, 0.312]])
    sine, cosine = jnp.sin(angle), jnp.cos(angle)
    turned = jnp.zeros((3, 3)).at[0, 0].set(1.0)
    turned = turned.at[1:, 1:].set(jnp.array([[cosine, -sine], [sine, cosine]]))
    return jnp.linalg.inv(to_yiq) @ turned @ to_yiq
