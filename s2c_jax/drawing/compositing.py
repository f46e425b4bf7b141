"""From the network's small picture to the artist's: colour at full size, under their own lines.

The network colours at the size that it knows. Its colours are brought up within what the sketch's
lines enclose, so that none crosses a line, and the lines themselves are the sketch's.
"""

import functools
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, UInt8
from PIL import Image, ImageFilter

from s2c_jax.drawing import image_files, letterbox
from s2c_jax.drawing.preparation import DARK
from s2c_jax.drawing.regions import LEAST_LINE_FREE, line_aware_upsample

# Paper is the tone that is exceeded by so many percent of the pixels, but no darker than this.
_PAPER_PERCENTILE, _DARKEST_PAPER = 90, 160.0


# As light as this, colour is as good as white.
_WHITE = 250


# How many pixels around are asked for it, one after the other, and the alpha, in [0, 255], from
# which what is known there is enough.
_REACHES, _ENOUGH = (3, 12, 48, 192), 20


class Layers(NamedTuple):
    """A coloured sketch, from top to bottom; under it is white paper.

    Attributes:
        lines: the sketch's lines: RGBA, opaque where the sketch is dark, in its own colours.
        color: RGBA, transparent where it is as good as white.
    """

    lines: UInt8[np.ndarray, "height width 4"]
    color: UInt8[np.ndarray, "height width 4"]


def split_layers(
    sketch: Image.Image,
    seen: UInt8[np.ndarray, "size size 3"],
    colored: UInt8[np.ndarray, "size size 3"],
) -> Layers:
    """Returns the layers of a coloured sketch.

    Args:
        sketch: the sketch, RGB, in its own size.
        seen: it as the network saw it, from `reduce`.
        colored: its colouring by the network.
    """
    levels = np.asarray(sketch)
    paper = _paper(levels)
    opacity, lines = _lines(levels, paper)
    seen, colored = _within_squares(sketch, seen, colored)
    free = _free(seen, paper)
    color = _fill(_without_lines(colored, free), free)
    if color.shape == levels.shape:
        enlarged = np.round(color).astype(np.uint8)
    else:
        enlarged = line_aware_upsample(color, free, opacity)
    alpha = np.where(_is_white(enlarged), np.uint8(0), np.uint8(255))
    return Layers(lines, np.dstack([enlarged, alpha]))


def composite(
    sketch: Image.Image,
    seen: UInt8[np.ndarray, "size size 3"],
    colored: UInt8[np.ndarray, "size size 3"],
) -> UInt8[np.ndarray, "height width 3"]:
    """Returns what the layers flatten to, sooner if it is a grey sketch in the network's size.

    Args:
        sketch: see `separate`.
        seen: see `separate`.
        colored: see `separate`.
    """
    levels = np.asarray(sketch)
    inner_seen, inner_colored = _within_squares(sketch, seen, colored)
    if not (_is_grey(levels) and np.array_equal(levels, inner_seen)):
        return flatten_layers(split_layers(sketch, seen, colored))
    without_lines, under_lines = _tables(_paper(levels))
    rows = np.left_shift(levels, 8, dtype=np.uint16)
    color = without_lines.take(rows | inner_colored)
    color[_is_white(color)] = 255
    return under_lines.take(rows | color)


@functools.lru_cache(maxsize=256)
def _tables(paper: float) -> tuple[UInt8[np.ndarray, "256 256"], UInt8[np.ndarray, "256 256"]]:
    """Returns two tables by the level of a grey sketch.

    The first gives for the network's level the one without lines, the second for that one what it
    is under them.
    """
    levels, colors = np.mgrid[:256, :256].astype(np.uint8)
    sketch, colored = (np.dstack([each] * 3) for each in (levels, colors))
    without_lines = np.round(_without_lines(colored, _free(sketch, paper))).astype(np.uint8)
    _, lines = _lines(sketch, paper)
    under_lines = flatten_layers(Layers(lines, np.dstack([colored, np.full_like(colors, 255)])))
    tables = [np.ascontiguousarray(each[..., 0]) for each in (without_lines, under_lines)]
    for table in tables:
        table.setflags(write=False)
    return tables[0], tables[1]


def _within_squares(
    sketch: Image.Image, *squares: UInt8[np.ndarray, "size size 3"]
) -> list[UInt8[np.ndarray, "rows columns 3"]]:
    """Returns the parts of the network's squares that the sketch is in, no larger than it."""
    left, top, right, bottom = letterbox.fitted_box(sketch.size, len(squares[0]))
    parts = [square[top:bottom, left:right] for square in squares]
    if max(sketch.size) >= len(squares[0]):
        return parts
    return [
        np.asarray(Image.fromarray(part).resize(sketch.size, Image.Resampling.BOX))
        for part in parts
    ]


def _is_grey(levels: UInt8[np.ndarray, "height width 3"]) -> bool:
    first = levels[..., 0]
    return np.array_equal(first, levels[..., 1]) and np.array_equal(first, levels[..., 2])


def _is_white(color: UInt8[np.ndarray, "height width 3"]) -> Bool[np.ndarray, "height width"]:
    red, green, blue = np.moveaxis(color, -1, 0)
    return np.minimum(np.minimum(red, green), blue) >= _WHITE


def _luma(levels: UInt8[np.ndarray, "*shape 3"]) -> Float[np.ndarray, "*shape"]:
    return levels @ np.array([0.299, 0.587, 0.114], np.float32)


def _paper(levels: UInt8[np.ndarray, "height width 3"]) -> float:
    """Returns the paper's tone, in [0, 255]."""
    # A stride of eleven falls in with few patterns.
    some = levels.reshape(-1, 3)[::11]
    tones = some[:, 0] if _is_grey(levels) else _luma(some)
    return max(float(np.percentile(tones, _PAPER_PERCENTILE)), _DARKEST_PAPER)


def _lines(
    levels: UInt8[np.ndarray, "height width 3"], paper: float
) -> tuple[Float[np.ndarray, "height width"], UInt8[np.ndarray, "height width 4"]]:
    """Returns how opaque lines are, in [0, 1], and the lines."""
    grey = _is_grey(levels)
    # A grey sketch has but 256 kinds of pixels.
    kinds = np.arange(256, dtype=np.uint8)[None, :, None].repeat(3, axis=-1) if grey else levels
    opacity = np.clip((paper - _luma(kinds)) / (paper * (1 - DARK / 255)), 0, 1)
    lines = np.empty((*kinds.shape[:2], 4), np.uint8)
    for channel in range(3):
        # What mixes with paper to the sketch.
        ink = kinds[..., channel] - (1 - opacity) * paper
        ink /= np.maximum(opacity, 1e-3)
        lines[..., channel] = np.round(np.clip(ink, 0, 255))
    lines[..., 3] = np.round(opacity * 255)
    if grey:
        return opacity[0][levels[..., 0]], lines[0][levels[..., 0]]
    return opacity, lines


def _free(
    seen: UInt8[np.ndarray, "rows columns 3"], paper: float
) -> Float[np.ndarray, "rows columns"]:
    """Returns the share of the small picture's pixels that no line covers."""
    return np.clip(seen @ np.full(3, 1 / (3 * paper), np.float32), 0, 1)


def _without_lines(
    colored: UInt8[np.ndarray, "rows columns 3"], free: Float[np.ndarray, "rows columns"]
) -> Float[np.ndarray, "rows columns 3"]:
    """Takes the lines out of the network's picture: what is no line was white, and was coloured."""
    color = colored / np.maximum(free, LEAST_LINE_FREE)[..., None]
    return np.minimum(color, 255).astype(np.float32)


def _fill(
    color: Float[np.ndarray, "rows columns 3"], free: Float[np.ndarray, "rows columns"]
) -> Float[np.ndarray, "rows columns 3"]:
    """Gives what lines leave too little of the mean colour of what can be told about it."""
    known = free >= LEAST_LINE_FREE
    if known.all() or not known.any():
        return color
    alpha = np.where(known, 255, 0).astype(np.uint8)[..., None]
    # Premultiplied, so that a blur is a mean of what is known.
    picture = Image.fromarray(np.concatenate([color.astype(np.uint8), alpha], axis=-1))
    picture = picture.convert("RGBa")
    color, unknown = color.copy(), ~known
    for radius in _REACHES:
        found = np.asarray(picture.filter(ImageFilter.BoxBlur(radius)).convert("RGBA"))[unknown]
        reached = found[:, 3] >= _ENOUGH
        places = tuple(part[reached] for part in np.nonzero(unknown))
        color[places] = found[reached, :3]
        unknown[places] = False
        if not unknown.any():
            break
    else:
        color[unknown] = color[known].mean(axis=0)
    return color


def flatten_layers(layers: Layers) -> UInt8[np.ndarray, "height width 3"]:
    """Returns the picture: lines over colour over white."""
    color, lines = (Image.fromarray(layer) for layer in (layers.color, layers.lines))
    page = Image.new("RGBA", color.size, (*image_files.WHITE, 255))
    page.alpha_composite(color)
    page.alpha_composite(lines)
    return np.asarray(page.convert("RGB"))
