"""A picture's palette: the main colours of its four horizontal bands.

The "colorgram" files of the Kaggle pairs hold such palettes. A band is a quarter of the picture's
height, from top to bottom. The most frequent colour of a band is taken for the background; its
palette has the four colours that follow.
"""

import colorsys
import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Integer, UInt8
from PIL import ImageColor

from s2c_jax.drawing import image_files
from s2c_jax.errors import UserError

# Numbers of bands, and of colours in each: the layout of the colorgram files.
BANDS = 4
COLORS = 4
# Bands, colours, RGB in [0, 255].
Palette = UInt8[np.ndarray, "4 4 3"]
# Bands, colours, RGBA: alpha is 255 for colours that the network must use, and 0 for free places.
RgbaPalette = UInt8[np.ndarray, "4 4 4"]


def extract(picture: UInt8[np.ndarray, "height width 3"]) -> Palette:
    """Computes a picture's palette by the algorithm that made the colorgram files.

    colorgram.js (https://github.com/darosh/colorgram-js) puts pixels into bins by the two highest
    bits of their luminance, hue and lightness. A colour is the mean of a bin.

    Args:
        picture: RGB, at least four pixels high.

    Returns:
        The colours of each band, the most frequent first.
    """
    edges = [len(picture) * band // BANDS for band in range(BANDS + 1)]
    bands = [picture[top:bottom].reshape(-1, 3) for top, bottom in itertools.pairwise(edges)]
    return np.stack([_fill_band(_frequent_colors(band)[1 : COLORS + 1]) for band in bands])


def parse(colorgram: bytes) -> Palette:
    """Parses a colorgram file: {"1": {"1": [r, g, b], ... "4": ...}, ... "4": ...}.

    Raises:
        ValueError: the content is no colorgram.
    """
    try:
        bands = json.loads(colorgram)
        return np.stack([_parse_band(bands[str(band + 1)]) for band in range(BANDS)])
    except (KeyError, OverflowError, RecursionError, TypeError, ValueError) as error:
        raise ValueError(f"no colorgram ({error})") from None


def to_rgba(palette: Palette) -> RgbaPalette:
    """Adds an alpha of 255 to every colour of a palette."""
    return np.concatenate([palette, np.full((BANDS, COLORS, 1), 255, np.uint8)], axis=-1)


def from_colors(text: str) -> RgbaPalette:
    """Parses up to four colours, such as "#fcea2b,orange"; every band gets all of them.

    Raises:
        UserError: a name is no colour, or there are more than four.
    """
    names = [name.strip() for name in text.split(",")]
    if len(names) > COLORS:
        raise UserError(f"the palette {text!r} has {len(names)} colours: give up to {COLORS}")
    palette = np.zeros((BANDS, COLORS, 4), np.uint8)
    for i, name in enumerate(names):
        try:
            palette[:, i] = (*ImageColor.getrgb(name)[:3], 255)
        except ValueError:
            raise UserError(
                f"the palette {text!r}: {name!r} is no colour such as #fcea2b or orange"
            ) from None
    return palette


def draw(seed: int) -> RgbaPalette:
    """Draws two to four saturated colours by a seed; every band gets all of them."""
    rng = np.random.default_rng(seed)
    palette = np.zeros((BANDS, COLORS, 4), np.uint8)
    for i in range(rng.integers(2, COLORS + 1)):
        hue, saturation, value = rng.uniform((0, 0.45, 0.7), (1, 0.95, 1))
        color = np.round(np.multiply(colorsys.hsv_to_rgb(hue, saturation, value), 255))
        palette[:, i] = (*color, 255)
    return palette


def read(file: Path) -> RgbaPalette:
    """Reads the palette of a colorgram file (.json), or extracts that of a picture.

    Raises:
        UserError: the file cannot be read, or the picture has fewer pixel rows than bands.
    """
    if file.suffix.lower() != ".json":
        picture = image_files.read(file)
        if picture.height < BANDS:
            raise UserError(f"{file}: has {picture.height} rows of pixels, too few for a palette")
        return to_rgba(extract(np.asarray(picture)))
    try:
        return to_rgba(parse(file.read_bytes()))
    except (OSError, ValueError) as error:
        raise UserError(f"{file}: cannot be read ({error})") from None


def _frequent_colors(pixels: UInt8[np.ndarray, "pixels 3"]) -> Integer[np.ndarray, "colors 3"]:
    """Returns the mean colours of the bins of colorgram.js, the most frequent first."""
    red, green, blue = pixels.astype(np.int32).T
    highest, lowest = pixels.max(axis=1).astype(np.int32), pixels.min(axis=1).astype(np.int32)
    lightness = (highest + lowest) // 2
    luminance = (red * 0.2126 + green * 0.7152 + blue * 0.0722).astype(np.int32)
    chroma = highest - lowest
    # Hue in integers: six sectors of 255 each, from red on; 0 for greys.
    divisor = np.maximum(chroma, 1)
    hue = np.select(
        [chroma == 0, highest == red, highest == green],
        [
            0,
            (green - blue) * 255 // divisor + np.where(green < blue, 1530, 0),
            (blue - red) * 255 // divisor + 510,
        ],
        (red - green) * 255 // divisor + 1020,
    )
    bins = (luminance >> 6) * 16 + (hue // 6 >> 6) * 4 + (lightness >> 6)
    counts = np.bincount(bins, minlength=64)
    sums = np.stack([np.bincount(bins, part, minlength=64) for part in (red, green, blue)], axis=1)
    order = np.argsort(-counts, kind="stable")[: np.count_nonzero(counts)]
    return sums[order].astype(np.int64) // counts[order, None]


def _parse_band(colors: Any) -> UInt8[np.ndarray, "4 3"]:
    """Parses a band from JSON of any kind; the keys of its colours count from "1"."""
    levels = np.asarray([colors[str(i + 1)] for i in range(len(colors))], np.int64)
    if not levels.size:
        levels = levels.reshape(0, 3)
    if levels.ndim != 2 or levels.shape[1] != 3:
        raise ValueError("colours must be of three numbers each")
    if ((levels[:COLORS] < 0) | (levels[:COLORS] > 255)).any():
        raise ValueError("colours must lie in [0, 255]")
    return _fill_band(levels[:COLORS])


def _fill_band(colors: Integer[np.ndarray, "colors 3"]) -> UInt8[np.ndarray, "4 3"]:
    """Repeats a band's last colour until there are `COLORS`; an empty band becomes white."""
    last = colors[-1:] if len(colors) else np.full((1, 3), 255)
    return np.concatenate([colors, *[last] * (COLORS - len(colors))]).astype(np.uint8)
