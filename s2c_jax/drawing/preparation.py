"""Prepares a sketch for the network: its lines must survive at the network's size."""

import math

import numpy as np
import scipy.ndimage
from jaxtyping import UInt8
from PIL import Image

from s2c_jax.drawing import letterbox

# On white paper, a pixel as dark as this is all line; between it and the paper, line and what is
# under it mix.
DARK = 128


# A sketch so many times the square's side is large. If its lines would be finer than the one share
# of a pixel of the square, they are made as wide as the other.
_LARGE, _FINE, _BOLD = 4.0, 0.3, 0.5


# A drawing whose bolder lines would be more than this share of it has tones of dots or hatches.
_TONE = 0.5


def downscale_sketch(sketch: Image.Image, size: int) -> UInt8[np.ndarray, "{size} {size} 3"]:
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
        more = math.ceil(_BOLD * scale - width)
        # Not of a tone of dots, which would be black.
        would_be_dark = (levels.max(axis=-1) < DARK).mean() * (width + more) / max(width, 1e-6)
        if 0 < width < _FINE * scale and would_be_dark < _TONE:
            bold = scipy.ndimage.minimum_filter(levels, (more + 1, more + 1, 1))
            sketch = Image.fromarray(bold)
    return np.asarray(letterbox.fit_square(sketch, size))


def _line_width(sketch: UInt8[np.ndarray, "height width 3"]) -> float:
    """Estimates it from how many dark pixels there are and how many borders they have."""
    dark = sketch.max(axis=-1) < DARK
    borders = sum(np.count_nonzero(np.diff(dark, axis=axis)) for axis in (0, 1))
    return 2 * np.count_nonzero(dark) / borders if borders else 0.0
