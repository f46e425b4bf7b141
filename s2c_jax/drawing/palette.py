"""A picture's palette: the main colours of its four horizontal bands.

It is what the "colorgram" files of the Kaggle pairs hold: for each quarter of the height, from top
to bottom, the four colours that follow the most frequent one, which is taken for the background.
"""

import colorsys
import itertools
import json
from pathlib import Path

import numpy as np
from jaxtyping import Integer, UInt8
from PIL import ImageColor

from s2c_jax.drawing import image_files
from s2c_jax.errors import UserError

BANDS, COLORS = 4, 4


Palette = UInt8[np.ndarray, "4 4 3"]


# With alpha, 255 or 0: a colour that is given, or not.
RgbaPalette = UInt8[np.ndarray, "4 4 4"]


def extract(picture: UInt8[np.ndarray, "height width 3"]) -> Palette:
    """Computes a palette as the colorgram files were computed.

    Colours are told apart as colorgram.js does (https://github.com/darosh/colorgram-js): pixels
    whose luminance, hue and lightness agree in their two highest bits are one colour, their mean.

    Args:
        picture: RGB, at least four pixels high.

    Returns:
        For each band its colours, the most frequent first.
    """
    edges = [len(picture) * band // BANDS for band in range(BANDS + 1)]
    return np.stack(
        [
            _filled(_frequent_colors(picture[top:bottom].reshape(-1, 3))[1 : COLORS + 1])
            for top, bottom in itertools.pairwise(edges)
        ]
    )


def parse(colorgram: bytes) -> Palette:
    """Reads a colorgram file: {"1": {"1": [r, g, b], ... "4": ...}, ... "4": ...}.

    Raises:
        ValueError: it is something else.
    """
    try:
        bands = json.loads(colorgram)
        return np.stack(
            [
                _filled(
                    [bands[str(band + 1)][str(i + 1)] for i in range(len(bands[str(band + 1)]))]
                )
                for band in range(BANDS)
            ]
        )
    except (KeyError, OverflowError, RecursionError, TypeError, ValueError) as error:
        raise ValueError(f"no colorgram ({error})") from None


def to_rgba(palette: Palette) -> RgbaPalette:
    """Returns a palette of which every colour is given."""
    return np.concatenate([palette, np.full((BANDS, COLORS, 1), 255, np.uint8)], axis=-1)


def from_colors(text: str) -> RgbaPalette:
    """Reads up to four colours, to be used anywhere in the picture.

    Args:
        text: hexadecimal, or named as in CSS, joined by commas: "#fcea2b,orange".

    Raises:
        UserError: it is something else.
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
    """Draws two to four lively colours, to be used anywhere in the picture.

    Args:
        seed: where they come from; the same ones for the same seed.
    """
    rng = np.random.default_rng(seed)
    palette = np.zeros((BANDS, COLORS, 4), np.uint8)
    for i in range(rng.integers(2, COLORS + 1)):
        hue, saturation, value = rng.uniform((0, 0.45, 0.7), (1, 0.95, 1))
        color = np.round(np.multiply(colorsys.hsv_to_rgb(hue, saturation, value), 255))
        palette[:, i] = (*color, 255)
    return palette


def read(file: Path) -> RgbaPalette:
    """Reads a palette from a colorgram file, or takes it from a picture.

    Raises:
        UserError: the file is neither.
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
    red, green, blue = pixels.astype(np.int32).T
    most, least = pixels.max(axis=1).astype(np.int32), pixels.min(axis=1).astype(np.int32)
    lightness = (most + least) // 2
    luminance = (red * 0.2126 + green * 0.7152 + blue * 0.0722).astype(np.int32)
    spread = most - least
    # The hue's six sectors of 255 each, in whole numbers; a grey one is 0.
    divisor = np.maximum(spread, 1)
    hue = np.select(
        [spread == 0, most == red, most == green],
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


def _filled(colors: object) -> UInt8[np.ndarray, "4 3"]:
    """Fills a band that has fewer colours up with its last one, an empty one with white."""
    found = np.asarray(colors, np.int64)
    if not found.size:
        found = found.reshape(0, 3)
    if found.ndim != 2 or found.shape[1] != 3:
        raise ValueError("colours must be of three numbers each")
    found = found[:COLORS]
    if ((found < 0) | (found > 255)).any():
        raise ValueError("colours must lie in [0, 255]")
    last = found[-1:] if len(found) else np.full((1, 3), 255)
    return np.concatenate([found, *[last] * (COLORS - len(found))]).astype(np.uint8)
