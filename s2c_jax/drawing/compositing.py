"""Composites a coloured sketch: the network's colours at full size, under the sketch's own lines.

The network colours a small square. Compositing removes the lines from its output, inpaints the
colours under them, upsamples the colours without crossing the sketch's lines, and puts the sketch's
own lines on top.
"""

import functools
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Float32, UInt8
from PIL import Image, ImageFilter

from s2c_jax.drawing import letterbox
from s2c_jax.drawing.preparation import LINE_LEVEL
from s2c_jax.drawing.regions import MIN_LINE_FREE_FRACTION, line_aware_upsample

# Percentile of the sketch's luma that is taken for the paper's tone: only a tenth is brighter.
PAPER_PERCENTILE = 90
# Darkest tone of paper, in [0, 255]. A sketch with a darker percentile is mostly lines.
MIN_PAPER_TONE = 160.0
# Weights of red, green and blue in luma (ITU-R BT.601).
LUMA_WEIGHTS = (0.299, 0.587, 0.114)
# Smallest opacity in [0, 1] by which a line's colour is divided, so that rounding is not amplified.
MIN_INK_OPACITY = 1e-3
# Level in [0, 255]. A colour with all channels at this level or above counts as white.
WHITE_LEVEL = 250
# Radii in pixels of the blurs that inpaint under lines, tried in order.
BLUR_RADII = (3, 12, 48, 192)
# Smallest alpha in [0, 255] after a blur from which its colour is accepted.
MIN_BLURRED_ALPHA = 20


class Layers(NamedTuple):
    """The layers of a coloured sketch, RGBA, from top to bottom; white paper lies under them.

    Attributes:
        lines: the sketch's lines in their own colours, opaque where the sketch is dark.
        color: the colours without lines, transparent where they count as white.
    """

    lines: UInt8[np.ndarray, "height width 4"]
    color: UInt8[np.ndarray, "height width 4"]


def composite(
    sketch: Image.Image,
    network_input: UInt8[np.ndarray, "size size 3"],
    network_output: UInt8[np.ndarray, "size size 3"],
) -> UInt8[np.ndarray, "height width 3"]:
    """Returns the flat picture: `flatten_layers` of `split_layers`, by a faster path if possible.

    Args:
        sketch: RGB, in its own size.
        network_input: the sketch as the network took it, from `downscale_sketch`.
        network_output: the network's colouring of `network_input`.
    """
    levels = np.asarray(sketch)
    small_sketch, small_color = _remove_letterbox(sketch, network_input, network_output)
    if not (_is_grey(levels) and np.array_equal(levels, small_sketch)):
        return flatten_layers(split_layers(sketch, network_input, network_output))
    # A grey sketch of the network's size needs no upsampling. It needs no inpainting either: where
    # a line is dark enough to inpaint under, the line is opaque and hides the result. So each level
    # depends on two levels alone, and lookup tables give it.
    remove_lines, add_lines = _grey_tables(_paper_tone(levels))
    rows = np.left_shift(levels, 8, dtype=np.uint16)
    color = remove_lines.take(rows | small_color)
    color[_is_white(color)] = 255
    return add_lines.take(rows | color)


def split_layers(
    sketch: Image.Image,
    network_input: UInt8[np.ndarray, "size size 3"],
    network_output: UInt8[np.ndarray, "size size 3"],
) -> Layers:
    """Returns the layers of a coloured sketch; the arguments are those of `composite`."""
    levels = np.asarray(sketch)
    paper_tone = _paper_tone(levels)
    opacity, lines = _extract_lines(levels, paper_tone)
    small_sketch, small_color = _remove_letterbox(sketch, network_input, network_output)
    line_free_fraction = _line_free_fraction(small_sketch, paper_tone)
    color = _inpaint_under_lines(_remove_lines(small_color, line_free_fraction), line_free_fraction)
    if color.shape == levels.shape:
        upsampled = np.round(color).astype(np.uint8)
    else:
        upsampled = line_aware_upsample(color, line_free_fraction, opacity)
    alpha = np.where(_is_white(upsampled), np.uint8(0), np.uint8(255))
    return Layers(lines, np.dstack([upsampled, alpha]))


def flatten_layers(layers: Layers) -> UInt8[np.ndarray, "height width 3"]:
    """Returns the flat picture of layers: lines over colours over white paper."""
    color, lines = (Image.fromarray(layer) for layer in (layers.color, layers.lines))
    page = Image.new("RGBA", color.size, "white")
    page.alpha_composite(color)
    page.alpha_composite(lines)
    return np.asarray(page.convert("RGB"))


@functools.lru_cache(maxsize=256)
def _grey_tables(
    paper_tone: float,
) -> tuple[UInt8[np.ndarray, "256 256"], UInt8[np.ndarray, "256 256"]]:
    """Returns lookup tables for a grey sketch, whose first index is the sketch's level.

    The first table maps the network's level to the level without lines; the second maps a level
    without lines to the level of the flat picture.
    """
    levels, colors = np.mgrid[:256, :256].astype(np.uint8)
    sketch, color = (np.dstack([channel] * 3) for channel in (levels, colors))
    without_lines = _remove_lines(color, _line_free_fraction(sketch, paper_tone))
    _, lines = _extract_lines(sketch, paper_tone)
    flat = flatten_layers(Layers(lines, np.dstack([color, np.full_like(colors, 255)])))
    remove_lines = np.ascontiguousarray(np.round(without_lines).astype(np.uint8)[..., 0])
    add_lines = np.ascontiguousarray(flat[..., 0])
    # The cache returns the same arrays to every caller.
    for table in (remove_lines, add_lines):
        table.setflags(write=False)
    return remove_lines, add_lines


def _remove_letterbox(
    sketch: Image.Image, *squares: UInt8[np.ndarray, "size size 3"]
) -> list[UInt8[np.ndarray, "rows columns 3"]]:
    """Crops squares to the part that shows the sketch, downscaled if the sketch is smaller."""
    left, top, right, bottom = letterbox.fitted_box(sketch.size, len(squares[0]))
    parts = [square[top:bottom, left:right] for square in squares]
    if max(sketch.size) >= len(squares[0]):
        return parts
    small = (Image.fromarray(part).resize(sketch.size, Image.Resampling.BOX) for part in parts)
    return list(map(np.asarray, small))


def _is_grey(levels: UInt8[np.ndarray, "height width 3"]) -> bool:
    red, green, blue = np.moveaxis(levels, -1, 0)
    return np.array_equal(red, green) and np.array_equal(red, blue)


def _is_white(color: UInt8[np.ndarray, "height width 3"]) -> Bool[np.ndarray, "height width"]:
    red, green, blue = np.moveaxis(color, -1, 0)
    return np.minimum(np.minimum(red, green), blue) >= WHITE_LEVEL


def _luma(levels: UInt8[np.ndarray, "*shape 3"]) -> Float32[np.ndarray, "*shape"]:
    return levels @ np.array(LUMA_WEIGHTS, np.float32)


def _paper_tone(levels: UInt8[np.ndarray, "height width 3"]) -> float:
    """Estimates the luma of the sketch's paper, in [0, 255]."""
    # Every 11th pixel: a prime stride does not alias with hatching.
    sample = levels.reshape(-1, 3)[::11]
    tones = sample[:, 0] if _is_grey(levels) else _luma(sample)
    return max(float(np.percentile(tones, PAPER_PERCENTILE)), MIN_PAPER_TONE)


def _extract_lines(
    levels: UInt8[np.ndarray, "height width 3"], paper_tone: float
) -> tuple[Float[np.ndarray, "height width"], UInt8[np.ndarray, "height width 4"]]:
    """Returns the opacity of the sketch's lines, in [0, 1], and their layer, RGBA."""
    is_grey = _is_grey(levels)
    # A grey sketch has at most 256 different pixels: compute a table of them instead.
    pixels = np.arange(256, dtype=np.uint8)[None, :, None].repeat(3, -1) if is_grey else levels
    opacity = np.clip((paper_tone - _luma(pixels)) / (paper_tone * (1 - LINE_LEVEL / 255)), 0, 1)
    lines = np.empty((*pixels.shape[:2], 4), np.uint8)
    for channel in range(3):
        # The ink's level, from: pixel = opacity * ink + (1 - opacity) * paper.
        ink = pixels[..., channel] - (1 - opacity) * paper_tone
        ink /= np.maximum(opacity, MIN_INK_OPACITY)
        lines[..., channel] = np.round(np.clip(ink, 0, 255))
    lines[..., 3] = np.round(opacity * 255)
    if is_grey:
        return opacity[0][levels[..., 0]], lines[0][levels[..., 0]]
    return opacity, lines


def _line_free_fraction(
    small_sketch: UInt8[np.ndarray, "rows columns 3"], paper_tone: float
) -> Float32[np.ndarray, "rows columns"]:
    """Returns the fraction of each pixel of the small sketch that no line covers, in [0, 1]."""
    return np.clip(small_sketch @ np.full(3, 1 / (3 * paper_tone), np.float32), 0, 1)


def _remove_lines(
    small_color: UInt8[np.ndarray, "rows columns 3"],
    line_free_fraction: Float32[np.ndarray, "rows columns"],
) -> Float32[np.ndarray, "rows columns 3"]:
    """Divides the network's output, taken for colour times line-free fraction, by the fraction."""
    color = small_color / np.maximum(line_free_fraction, MIN_LINE_FREE_FRACTION)[..., None]
    return np.minimum(color, 255).astype(np.float32)


def _inpaint_under_lines(
    color: Float32[np.ndarray, "rows columns 3"],
    line_free_fraction: Float32[np.ndarray, "rows columns"],
) -> Float32[np.ndarray, "rows columns 3"]:
    """Gives pixels that lines cover the mean colour of the known pixels around them."""
    known = line_free_fraction >= MIN_LINE_FREE_FRACTION
    if known.all() or not known.any():
        return color
    alpha = np.where(known, 255, 0).astype(np.uint8)[..., None]
    # Premultiplied alpha (RGBa) makes a blur the mean of the known pixels alone.
    rgba = np.concatenate([color.astype(np.uint8), alpha], axis=-1)
    picture = Image.fromarray(rgba).convert("RGBa")
    color, unknown = color.copy(), ~known
    for radius in BLUR_RADII:
        blurred = np.asarray(picture.filter(ImageFilter.BoxBlur(radius)).convert("RGBA"))[unknown]
        accepted = blurred[:, 3] >= MIN_BLURRED_ALPHA
        inpainted = tuple(index[accepted] for index in np.nonzero(unknown))
        color[inpainted] = blurred[accepted, :3]
        unknown[inpainted] = False
        if not unknown.any():
            return color
    color[unknown] = color[known].mean(axis=0)
    return color
