"""Fits a picture of any shape to the network's square: scaled, centred, on white paper."""

import numpy as np
from jaxtyping import UInt8
from PIL import Image

# Smallest share of a pixel of the square that hints must cover to set its colour: a twentieth, so
# that thin strokes of a large drawing survive and their antialiased rims do not spread.
_MIN_HINT_COVERAGE = 0.05


def fit_square(picture: Image.Image, size: int) -> Image.Image:
    """Scales an RGB picture to fit a white square of `size` pixels a side, and centres it."""
    left, top, right, bottom = fitted_box(picture.size, size)
    square = Image.new("RGB", (size, size), "white")
    inner = picture.resize((right - left, bottom - top), Image.Resampling.LANCZOS)
    square.paste(inner, (left, top))
    return square


def fit_square_rgba(picture: Image.Image, size: int) -> UInt8[np.ndarray, "{size} {size} 4"]:
    """Scales RGBA hints to the place in the square where `fit_square` puts their sketch.

    Returns:
        RGBA, in [0, 255]. A pixel of which hints cover at least `_MIN_HINT_COVERAGE` is opaque and
        has their mean colour; all other pixels are zeros.
    """
    left, top, right, bottom = fitted_box(picture.size, size)
    inner_size = (right - left, bottom - top)
    levels = np.asarray(picture.convert("RGBA")).astype(np.float32)
    # Premultiply, so that the colours of transparent pixels do not count in the mean.
    levels[..., :3] *= levels[..., 3:] / 255
    channels = map(Image.fromarray, np.moveaxis(levels, -1, 0))
    means = (channel.resize(inner_size, Image.Resampling.BOX) for channel in channels)
    inner = np.stack(list(map(np.asarray, means)), axis=-1)
    alpha = inner[..., 3:] / 255
    colors = np.round(inner[..., :3] / np.maximum(alpha, _MIN_HINT_COVERAGE))
    opaque = np.concatenate([colors, np.full_like(alpha, 255)], axis=-1)
    square = np.zeros((size, size, 4), np.uint8)
    square[top:bottom, left:right] = np.where(alpha >= _MIN_HINT_COVERAGE, opaque, 0)
    return square


def fitted_box(size: tuple[int, int], side: int) -> tuple[int, int, int, int]:
    """Returns where a picture of this size lies in the square: left, top, right, bottom."""
    width, height = (max(1, round(length * side / max(size))) for length in size)
    left, top = (side - width) // 2, (side - height) // 2
    return left, top, left + width, top + height
