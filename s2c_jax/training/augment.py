"""Random changes of training pairs, on the device: their places, and the hand of their lines."""

import functools
import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from s2c_jax.drawing import hands, lines


class Augmentation(NamedTuple):
    """How pairs are changed.

    Attributes:
        mirror: whether to flip half of the pairs left to right.
        jitter: pairs are enlarged by a random factor in [1, 1 + jitter], and a random window of the
            original size is cut out. Section 6.2 of pix2pix enlarges 256 to 286, by 1.117.
        zoom: pairs are enlarged or shrunk by a random factor in [1 / (1 + zoom), 1 + zoom].
        turn: the largest angle in degrees by which pairs are turned.
        shift: the largest shift, as a share of the picture's side, in each direction.
        redraw: the share of the sketches that are drawn anew from their colour pictures.
        hands: the names of the hands that draw the lines, see `hands.HANDS`; without names the
            sketches stay as they are.
    """

    mirror: bool
    jitter: float
    zoom: float
    turn: float
    shift: float
    redraw: float
    hands: tuple[str, ...]


def augment(
    keys: Key[Array, " batch"],
    sketch: Float[Array, "batch height width 3"],
    color: Float[Array, "batch height width 3"],
    settings: Augmentation,
) -> tuple[Float[Array, "batch height width 3"], Float[Array, "batch height width 3"]]:
    """Changes pairs at random: moves both pictures of a pair alike, and redraws the sketch's lines.

    Args:
        keys: one key an example, so that the result does not depend on how a batch is split.
        sketch: pictures in [-1, 1].
        color: pictures in [-1, 1].
        settings: what is changed.
    """
    return jax.vmap(functools.partial(_augment_pair, settings))(keys, sketch, color)


def _augment_pair(
    settings: Augmentation, key: Array, sketch: Array, color: Array
) -> tuple[Array, Array]:
    pair = jnp.concatenate([sketch, color], axis=-1)
    pair = _mirror_and_crop(settings, key, pair)
    # Fold numbers in: the changes above split `key` itself.
    if settings.zoom or settings.turn or settings.shift:
        pair = _move(settings, jax.random.fold_in(key, 1), pair)
    sketch, color = pair[..., :3], pair[..., 3:]
    if settings.redraw or settings.hands:
        sketch = _draw_lines(settings, jax.random.fold_in(key, 2), sketch, color)
    return sketch, color


def _mirror_and_crop(settings: Augmentation, key: Array, pair: Array) -> Array:
    """Flips and enlarges a pair, as `mirror` and `jitter` say."""
    mirror_key, scale_key, shift_key = jax.random.split(key, 3)
    if settings.mirror:
        pair = jnp.where(jax.random.bernoulli(mirror_key), pair[:, ::-1], pair)
    if settings.jitter:
        scale = 1 + settings.jitter * jax.random.uniform(scale_key)
        side = jnp.array(pair.shape[:2], jnp.float32)
        shift = -jax.random.uniform(shift_key, (2,)) * (scale - 1) * side
        pair = jax.image.scale_and_translate(
            pair, pair.shape, (0, 1), jnp.full(2, scale), shift, "linear"
        )
    return pair


def _move(settings: Augmentation, key: Array, pair: Array) -> Array:
    """Scales, turns and shifts a pair about its middle; beyond its edges the paper is white."""
    zoom_key, turn_key, shift_key = jax.random.split(key, 3)
    log_zoom = math.log(1 + settings.zoom)
    zoom = jnp.exp(jax.random.uniform(zoom_key, minval=-log_zoom, maxval=log_zoom))
    turn = jnp.deg2rad(settings.turn) * jax.random.uniform(turn_key, minval=-1.0)
    height, width, channels = pair.shape
    shift = settings.shift * jax.random.uniform(shift_key, (2,), minval=-1.0)
    # Compute for each pixel of the result the place in the pair that its colour comes from.
    row, column = jnp.mgrid[:height, :width].astype(jnp.float32)
    down = row - (height - 1) / 2 - shift[0] * height
    right = column - (width - 1) / 2 - shift[1] * width
    cosine, sine = jnp.cos(turn) / zoom, jnp.sin(turn) / zoom
    row = cosine * down + sine * right + (height - 1) / 2
    column = cosine * right - sine * down + (width - 1) / 2
    # Interpolate bilinearly, by four gathers of all channels of a pixel;
    # `jax.scipy.ndimage.map_coordinates` would gather each channel by itself.
    pixels = jnp.pad(pair, ((1, 1), (1, 1), (0, 0)), constant_values=1.0).reshape(-1, channels)
    row, column = jnp.clip(row + 1, 0, height + 0.999), jnp.clip(column + 1, 0, width + 0.999)
    top, left = jnp.floor(row), jnp.floor(column)
    index = (top * (width + 2) + left).astype(jnp.int32)
    below, beside = (row - top)[..., None], (column - left)[..., None]
    upper = pixels[index] * (1 - beside) + pixels[index + 1] * beside
    lower = pixels[index + width + 2] * (1 - beside) + pixels[index + width + 3] * beside
    return upper * (1 - below) + lower * below


def _draw_lines(settings: Augmentation, key: Array, sketch: Array, color: Array) -> Array:
    """Draws in a random hand the sketch's lines, or lines that are extracted from the colours."""
    redraw_key, extract_key, hand_key, sketch_key = jax.random.split(key, 4)
    ink = jnp.clip(0.5 - 0.5 * lines.luma(sketch), 0.0, 1.0)
    redrawn = jnp.asarray(False)
    if settings.redraw:
        redrawn = jax.random.bernoulli(redraw_key, settings.redraw)
        ink = jnp.where(redrawn, hands.extract(extract_key, 0.5 * color + 0.5), ink)
    hand = hands.draw_hand(hand_key, settings.hands or ("clean",))
    drawn = 2 * hands.sketch(sketch_key, ink, hand) - 1
    return drawn if settings.hands else jnp.where(redrawn, drawn, sketch)
