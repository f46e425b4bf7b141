"""Draws the same lines as many hands would: other pens, papers and scanners.

A network that was trained on one kind of line fails on another hand's. The functions are pure
functions of JAX arrays, so that training can draw every sketch anew on the device. Pictures are in
[0, 1], and lengths in pixels. The ranges and gains were chosen by eye, see docs/lines.webp.
"""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key

from s2c_jax.drawing import lines
from s2c_jax.drawing.lines import Color, Ink, blur, largest_nearby

# The range of the width that an extractor of `lines` draws with, in pixels; drawn log-uniformly.
_MIN_WIDTH, _MAX_WIDTH = 0.4, 1.3
# The place of the extractor `lines.ink`.
_INK = list(lines.EXTRACTORS).index("ink")
# The largest distance in pixels between a pixel and the line that the pixel may belong to.
_LINE_DISTANCE = 3
# Blurred ink that does not count as a line: without it, noise of the paper would be enlarged.
_MIN_HEIGHT = 0.03
# The side of the blocks that JPEG transforms.
_BLOCK = 8


class Hand(NamedTuple):
    """How lines are drawn; every number is an array, for one picture.

    Attributes:
        redrawn: how much of the line is redrawn by pressure, roughness and gaps; 0 keeps the line.
        pressure: 0 leaves the core of a line, 1 makes a line bolder than it was.
        roughness: how far a line's edge wavers from pixel to pixel.
        gaps: how much of a line is missing here and there.
        strength: the darkness of a full line.
        tint: how far the line's colour is from black, in a random hue.
        grain: how much of the line the paper's grain leaves white.
        paper: how far the paper is from white.
        softness: the standard deviation of a blur of the whole sketch.
        compression: the step by which JPEG's coefficients are rounded; 0 does not round.
    """

    redrawn: Float[Array, ""]
    pressure: Float[Array, ""]
    roughness: Float[Array, ""]
    gaps: Float[Array, ""]
    strength: Float[Array, ""]
    tint: Float[Array, ""]
    grain: Float[Array, ""]
    paper: Float[Array, ""]
    softness: Float[Array, ""]
    compression: Float[Array, ""]


class _Range(NamedTuple):
    """The least and the largest value of each number of `Hand`. The default changes nothing."""

    redrawn: tuple[float, float] = (0.0, 0.0)
    pressure: tuple[float, float] = (0.5, 0.5)
    roughness: tuple[float, float] = (0.0, 0.0)
    gaps: tuple[float, float] = (0.0, 0.0)
    strength: tuple[float, float] = (1.0, 1.0)
    tint: tuple[float, float] = (0.0, 0.0)
    grain: tuple[float, float] = (0.0, 0.0)
    paper: tuple[float, float] = (0.0, 0.0)
    softness: tuple[float, float] = (0.0, 0.0)
    compression: tuple[float, float] = (0.0, 0.0)


# The hands by name.
HANDS = {
    "clean": _Range(),
    "thin": _Range(redrawn=(1, 1), pressure=(0.2, 0.45), strength=(0.8, 1)),
    "bold": _Range(redrawn=(1, 1), pressure=(0.8, 1)),
    "pencil": _Range(
        redrawn=(0.5, 1), pressure=(0.3, 0.7), roughness=(0.1, 0.4), strength=(0.3, 0.7),
        grain=(0.2, 0.7), softness=(0, 0.5),
    ),
    "broken": _Range(redrawn=(1, 1), pressure=(0.5, 0.8), gaps=(0.3, 1)),
    "rough": _Range(redrawn=(1, 1), pressure=(0.5, 0.9), roughness=(0.5, 1), grain=(0, 0.3)),
    "colored": _Range(strength=(0.6, 1), tint=(0.3, 0.9)),
    "scan": _Range(
        redrawn=(0, 1), pressure=(0.3, 0.8), strength=(0.6, 1), grain=(0, 0.3), paper=(0.03, 0.2),
        softness=(0, 0.7),
    ),
    "soft": _Range(strength=(0.7, 1), softness=(0.4, 1.0)),
    "jpeg": _Range(strength=(0.7, 1), softness=(0, 0.5), compression=(0.05, 0.3)),
}  # fmt: skip


def draw_hand(key: Key[Array, ""], names: tuple[str, ...]) -> Hand:
    """Draws one of the named hands, and its numbers uniformly from their ranges."""
    ranges = np.array([HANDS[name] for name in names], np.float32)
    name_key, numbers_key = jax.random.split(key)
    low, high = jnp.moveaxis(jnp.asarray(ranges), -1, 0)[
        :, jax.random.randint(name_key, (), 0, len(names))
    ]
    return Hand(*jax.random.uniform(numbers_key, low.shape, minval=low, maxval=high))


def extract(key: Key[Array, ""], color: Color) -> Ink:
    """Draws a colour picture's lines by a random blend of two extractors of random widths."""
    first_key, blend_key, width_key = jax.random.split(key, 3)
    low, high = math.log(_MIN_WIDTH), math.log(_MAX_WIDTH)
    widths = jnp.exp(
        jax.random.uniform(width_key, (len(lines.EXTRACTORS),), minval=low, maxval=high)
    )
    extractors = zip(lines.EXTRACTORS.values(), widths, strict=True)
    drawn = jnp.stack([extractor(color, width) for extractor, width in extractors])
    first, second = jax.random.choice(first_key, len(drawn), (2,), replace=False)
    # A share of 0 or 1 is one extractor alone, which is the case for half of the pictures. Ink has
    # at most half a share: alone it leaves a drawing without black lines blank.
    share = jnp.clip(jax.random.uniform(blend_key, minval=-0.5, maxval=1.5), 0.0, 1.0)
    share = jnp.where(first == _INK, jnp.minimum(share, 0.5), share)
    share = jnp.where(second == _INK, jnp.maximum(share, 0.5), share)
    return share * drawn[first] + (1 - share) * drawn[second]


def sketch(key: Key[Array, ""], ink: Ink, hand: Hand) -> Color:
    """Returns the sketch in which a hand draws lines.

    Args:
        key: the source of the hand's noise and of its line's hue.
        ink: the lines; 0 is blank paper and 1 a full line.
        hand: from `draw_hand`.

    Returns:
        The sketch, RGB.
    """
    rough_key, gap_key, grain_key, hue_key, order_key, paper_key, shade_key = jax.random.split(
        key, 7
    )
    # Blurred ink is highest in the middle of a line. So a threshold gives the line any width, and
    # noise on the threshold gives a rough edge or a gap. The blurred ink of a thin or faint line is
    # low: divide by the largest value nearby, so that one threshold fits all lines.
    height = blur(ink, jnp.float32(0.8))
    height /= largest_nearby(height, _LINE_DISTANCE) + _MIN_HEIGHT
    threshold = 1.1 - 0.8 * hand.pressure
    threshold += 0.6 * hand.roughness * (_noise(rough_key, ink.shape, cell=2) - 0.5)
    threshold += 2.0 * hand.gaps * jnp.maximum(_noise(gap_key, ink.shape, cell=7) - 0.4, 0.0)
    redrawn = jnp.clip((height - threshold) / 0.3 + 0.5, 0.0, 1.0)
    drawn = ink + hand.redrawn * (redrawn - ink)
    drawn *= 1 - hand.grain * jax.random.uniform(grain_key, ink.shape)
    drawn *= hand.strength
    # A saturated colour has one channel of 0, one of 1, and one between.
    hue = jnp.stack([jnp.zeros(()), jax.random.uniform(hue_key), jnp.ones(())])
    line = hand.tint * jax.random.permutation(order_key, hue)
    paper = 1 - hand.paper * jax.random.uniform(paper_key, (3,), minval=0.5)
    shade = 1 - 0.5 * hand.paper * _noise(shade_key, ink.shape, cell=21)
    picture = drawn[..., None] * line + (1 - drawn[..., None]) * paper * shade[..., None]
    picture = jax.vmap(blur, (-1, None), -1)(picture, hand.softness)
    return jnp.clip(_compress(picture, hand.compression), 0.0, 1.0)


def _noise(key: Key[Array, ""], shape: tuple[int, ...], cell: int) -> Float[Array, "height width"]:
    """Returns noise in [0, 1] that changes over `cell` pixels."""
    cells = jax.random.uniform(key, tuple(-(-side // cell) for side in shape))
    return jax.image.resize(cells, shape, "linear")


def _compress(picture: Color, step: Float[Array, ""]) -> Color:
    """Rounds the coefficients of blocks of 8x8 pixels, as JPEG does (ITU-T T.81, annex A.3).

    A coefficient's step is `step` times one plus its two frequencies: JPEG's steps, too, grow with
    the frequency.
    """
    rows, columns, _ = picture.shape
    picture = jnp.pad(picture, ((0, -rows % _BLOCK), (0, -columns % _BLOCK), (0, 0)), mode="edge")
    height, width, _ = picture.shape
    frequency = np.arange(_BLOCK)
    cosine = np.cos((2 * frequency + 1) * frequency[:, None] * math.pi / (2 * _BLOCK))
    cosine *= np.where(frequency == 0, math.sqrt(1 / _BLOCK), math.sqrt(2 / _BLOCK))[:, None]
    transform = jnp.asarray(cosine, jnp.float32)
    blocks = picture.reshape(height // _BLOCK, _BLOCK, width // _BLOCK, _BLOCK, 3)
    coefficients = jnp.einsum("uy,vx,iyjxc->iujvc", transform, transform, blocks)
    steps = jnp.maximum(step * (1 + frequency[:, None] + frequency)[None, :, None, :, None], 1e-4)
    rounded = jnp.round(coefficients / steps) * steps
    compressed = jnp.einsum("uy,vx,iujvc->iyjxc", transform, transform, rounded)
    return jnp.where(step > 0, compressed.reshape(picture.shape), picture)[:rows, :columns]
