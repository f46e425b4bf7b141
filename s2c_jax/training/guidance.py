"""Simulates from the true colours the guidance that people give: hints and palettes.

Hints say which colour goes where; a palette says which colours there are. They are the local and
the global hints of Zhang et al. 2017, Real-Time User-Guided Image Colorization with Learned Deep
Priors. Both are RGBA: colours in [-1, 1] times alpha, and alpha, which is 0 or 1.
"""

import functools
import math

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key, UInt8

from s2c_jax.drawing.marks import MAX_MARKS, paint_marks
from s2c_jax.models.ranges import normalize

# The share of examples without hints.
_WITHOUT_HINTS = 0.25
# The share of examples without a palette.
_WITHOUT_PALETTE = 0.5
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


def simulate_palettes_and_recolor(
    keys: Key[Array, " batch"],
    palettes: UInt8[Array, "batch 4 4 3"],
    color: Float[Array, "batch height width 3"],
    recolor: float,
) -> tuple[Float[Array, "batch 4 4 4"], Float[Array, "batch height width 3"]]:
    """Simulates palettes, and recolours the pictures of some of them.

    Half of the examples have no palette. A quarter have the picture's own palette by band. A
    quarter have one to four of its colours, more often saturated ones, the same in all bands.
    People ask for colours that a drawing is not known for. So a share of the examples with a
    palette have the hues of palette and picture turned by the same angle.

    Args:
        keys: one key an example, so that the result does not depend on how a batch is split.
        palettes: the pictures' own palettes: four colours for each of four bands, in [0, 255].
        color: the pictures, in [-1, 1].
        recolor: the share of the palettes whose hues are turned.

    Returns:
        The palettes and the pictures.
    """
    simulate = functools.partial(_simulate_palette_of_one, recolor)
    return jax.vmap(simulate)(keys, normalize(palettes), color)


def _simulate_palette_of_one(
    recolor: float, key: Array, own: Array, color: Array
) -> tuple[Array, Array]:
    none_key, band_key, pick_key, count_key, turned_key, angle_key = jax.random.split(key, 6)
    has_palette = jax.random.bernoulli(none_key, 1 - _WITHOUT_PALETTE)
    recolored = has_palette & jax.random.bernoulli(turned_key, recolor)
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
