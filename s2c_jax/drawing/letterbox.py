"""Fits a picture of any shape to the network's square: scaled, centred, on white."""

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from s2c_jax.drawing.image_files import WHITE

# The share of a pixel that must be painted for it to count as painted.
_PAINTED = 0.05


def fit_square(picture: Image.Image, size: int) -> Image.Image:
    """Scales a picture to fit a white square of side `size`, centred, aspect ratio kept."""
    box = fitted_box(picture.size, size)
    square = Image.new("RGB", (size, size), WHITE)
    inner = picture.resize((box[2] - box[0], box[3] - box[1]), Image.Resampling.LANCZOS)
    square.paste(inner, box[:2])
    return square


def fit_square_rgba(picture: Image.Image, size: int) -> UInt8[np.ndarray, "{size} {size} 4"]:
    """Scales an RGBA picture as `fit_square` does, so that a pixel says something or nothing.

    Returns:
        Where at least a twentieth of a pixel is painted, the mean colour of what is, with an alpha
        of 255; else zeros.
    """
    left, top, right, bottom = fitted_box(picture.size, size)
    levels = np.asarray(picture.convert("RGBA")).astype(np.float32)
    levels[..., :3] *= levels[..., 3:] / 255
    inner = np.stack(
        [
            np.asarray(
                Image.fromarray(level).resize((right - left, bottom - top), Image.Resampling.BOX)
            )
            for level in np.moveaxis(levels, -1, 0)
        ],
        axis=-1,
    )
    alpha = inner[..., 3:] / 255
    painted = alpha >= _PAINTED
    colors = np.round(inner[..., :3] / np.maximum(alpha, _PAINTED))
    square = np.zeros((size, size, 4), np.uint8)
    square[top:bottom, left:right] = np.where(
        painted, np.concatenate([colors, np.full_like(alpha, 255)], axis=-1), 0
    )
    return square


def fitted_box(size: tuple[int, int], side: int) -> tuple[int, int, int, int]:
    """Returns where a picture of (width, height) lies in the square: left, top, right, bottom."""
    longest = max(size)
    width, height = (max(1, round(length * side / longest)) for length in size)
    left, top = (side - width) // 2, (side - height) // 2
    return left, top, left + width, top + height
