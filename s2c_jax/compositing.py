"""From the network's small picture to the artist's: colour at full size, under their own lines.

The network colours at the size that it knows. Its colours are brought up within what the sketch's
lines enclose, so that none crosses a line, and the lines themselves are the sketch's.
"""

import math
from typing import NamedTuple

import numpy as np
import scipy.ndimage
from jaxtyping import Float, UInt8
from PIL import Image

from s2c_jax import images

# A pixel as dark as this is all line; between it and white, line and what is under it mix.
_DARK = 128
# As light as this, colour is paper.
_PAPER = 250
# What lies between lines is brought up region by region; smaller ones have no colour of their own.
_SMALLEST_REGION = 4
# Far more than in proportion: a pixel that is half another region's has half of its colours.
_POWER = 4
# From here on a pixel is part of a line that parts regions.
_LINE = 0.5
# How many pixels a line takes at most from opaque to nothing.
_RIM = 2
# Where lines leave less of a pixel free than this, its colour cannot be told.
_LEAST_FREE = 0.2


# A sketch so many times the square's side is large. If its lines would be finer than the one share
# of a pixel of the square, they are made as wide as the other.
_LARGE, _FINE, _BOLD = 4.0, 0.3, 0.5


class Layers(NamedTuple):
    """A coloured sketch, from top to bottom; under it is white paper.

    Attributes:
        lines: the sketch's lines: RGBA, opaque where the sketch is dark, in its own colours.
        color: RGBA, transparent where it is as good as white.
    """

    lines: UInt8[np.ndarray, "height width 4"]
    color: UInt8[np.ndarray, "height width 4"]


def reduce(sketch: Image.Image, size: int) -> UInt8[np.ndarray, "{size} {size} 3"]:
    """Fits a sketch to the network's square, so that its lines can still be seen.

    In a large drawing they are too fine for that, and are made bolder first.

    Args:
        sketch: RGB.
        size: the square's side.
    """
    scale = max(sketch.size) / size
    if scale > _LARGE:
        levels = np.asarray(sketch)
        width = _line_width(levels)
        if 0 < width < _FINE * scale:
            more = math.ceil(_BOLD * scale - width)
            bold = scipy.ndimage.minimum_filter(levels, (more + 1, more + 1, 1))
            sketch = Image.fromarray(bold)
    return np.asarray(images.fit_square(sketch, size))


def _line_width(sketch: UInt8[np.ndarray, "height width 3"]) -> float:
    """Estimates it from how many dark pixels there are and how many borders they have."""
    dark = sketch.max(axis=-1) < _DARK
    borders = sum(np.count_nonzero(np.diff(dark, axis=axis)) for axis in (0, 1))
    return 2 * np.count_nonzero(dark) / borders if borders else 0.0


def separate(
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
    left, top, right, bottom = images.fitted_box(sketch.size, len(seen))
    seen, colored = (square[top:bottom, left:right] for square in (seen, colored))
    levels = np.asarray(sketch).astype(np.float32)
    luma = levels @ np.array([0.299, 0.587, 0.114], np.float32)
    opacity = np.clip((255 - luma) / (255 - _DARK), 0, 1)[..., None]
    # What mixes with white to the sketch.
    ink = np.clip((levels - (1 - opacity) * 255) / np.maximum(opacity, 1e-3), 0, 255)
    lines = np.concatenate([ink, opacity * 255], axis=-1)
    if len(colored) < len(levels):
        color = enlarge(colored, seen, opacity[..., 0])
    else:
        smaller = Image.fromarray(colored).resize(sketch.size, Image.Resampling.LANCZOS)
        color = np.asarray(smaller)
    paper = (color >= _PAPER).all(axis=-1, keepdims=True)
    return Layers(
        np.round(lines).astype(np.uint8),
        np.concatenate([color, np.where(paper, 0, 255).astype(np.uint8)], axis=-1),
    )


def flatten(layers: Layers) -> UInt8[np.ndarray, "height width 3"]:
    """Returns the picture: lines over colour over white."""
    picture = np.full((*layers.color.shape[:2], 3), 255, np.float32)
    for layer in (layers.color, layers.lines):
        alpha = layer[..., 3:].astype(np.float32) / 255
        picture += alpha * (layer[..., :3] - picture)
    return np.round(picture).astype(np.uint8)


def enlarge(
    colored: UInt8[np.ndarray, "rows columns 3"],
    seen: UInt8[np.ndarray, "rows columns 3"],
    opacity: Float[np.ndarray, "height width"],
) -> UInt8[np.ndarray, "height width 3"]:
    """Brings colours up to the size of a sketch without crossing its lines.

    The lines are taken out of the small picture first. Then each region between lines takes its
    colours from the small picture's pixels, those the most that it covers and no line does, and
    interpolates them within itself (normalised convolution, Knutsson and Westin 1993). It reaches a
    little under the lines, where they are not opaque.

    Args:
        colored: a coloured picture smaller than the sketch.
        seen: the sketch that it was coloured from, in its size.
        opacity: of the sketch's own lines, in [0, 1].
    """
    height, width = opacity.shape
    rows, columns = colored.shape[:2]
    row_of, column_of = np.arange(height) * rows // height, np.arange(width) * columns // width
    # What is no line is white in the sketch, and was coloured.
    free = np.maximum(seen.mean(axis=-1, dtype=np.float32, keepdims=True) / 255, _LEAST_FREE)
    color_of = np.minimum(colored / free, 255)
    color = _enlarged(color_of, (height, width))
    labels, _ = scipy.ndimage.label(opacity < _LINE)
    labels = np.where(labels, labels, scipy.ndimage.maximum_filter(labels, 2 * _RIM + 1))
    for label, box in enumerate(scipy.ndimage.find_objects(labels), start=1):
        region = labels[box] == label
        if np.count_nonzero(region) < _SMALLEST_REGION:
            continue
        # The cells that it covers, and a margin to interpolate into.
        top, bottom = max(0, row_of[box[0].start] - 1), row_of[box[0].stop - 1] + 2
        left, right = max(0, column_of[box[1].start] - 1), column_of[box[1].stop - 1] + 2
        cells = color_of[top:bottom, left:right]
        index = (row_of[box[0], None] - top) * cells.shape[1] + column_of[box[1]] - left
        pixels = np.bincount(index[region], minlength=cells[..., 0].size)
        coverage = pixels.reshape(cells.shape[:2]) * (rows * columns / (height * width))
        weight = np.float32(coverage[..., None] * free[top:bottom, left:right]) ** _POWER
        frame = (
            box[1].start * columns / width - left, box[0].start * rows / height - top,
            box[1].stop * columns / width - left, box[0].stop * rows / height - top,
        )  # fmt: skip
        sums = _enlarged(np.concatenate([cells * weight, weight], axis=-1), region.shape, frame)
        sums = sums[region]
        color[box][region] = sums[:, :3] / np.maximum(sums[:, 3:], 1e-6)
    return np.round(np.clip(color, 0, 255)).astype(np.uint8)


def _enlarged(
    picture: Float[np.ndarray, "rows columns channels"],
    shape: tuple[int, int],
    frame: tuple[float, float, float, float] | None = None,
) -> Float[np.ndarray, "height width channels"]:
    """Interpolates a picture, or its part within left, top, right, bottom, to another shape."""
    size = (shape[1], shape[0])
    return np.stack(
        [
            np.asarray(
                Image.fromarray(np.ascontiguousarray(channel)).resize(
                    size, Image.Resampling.BILINEAR, box=frame
                )
            )
            for channel in np.moveaxis(picture, -1, 0)
        ],
        axis=-1,
    )
