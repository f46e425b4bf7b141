"""Downscales a sketch for the network so that its lines survive."""

import math

import numpy as np
import scipy.ndimage
from jaxtyping import UInt8
from PIL import Image

from s2c_jax.drawing import letterbox

# Level in [0, 255], half of white. On white paper a pixel that is this dark is opaque line; lighter
# pixels are partly line and partly what lies under the line.
LINE_LEVEL = 128
# A drawing is large if its longer side is more than this many times the square's side. Downscaling
# by less leaves lines dark enough.
LARGE_SCALE = 4.0
# Line width in pixels of the square. Thinner lines of a large drawing are made bolder.
THIN_LINE = 0.3
# Line width in pixels of the square, to which thin lines are made bolder.
BOLD_LINE = 0.5
# Largest share of the drawing that bolder lines may cover. More is a screentone or hatching, which
# bolder lines would turn into solid black.
MAX_BOLD_COVERAGE = 0.5


def downscale_sketch(sketch: Image.Image, size: int) -> UInt8[np.ndarray, "{size} {size} 3"]:
    """Letterboxes an RGB sketch to the network's square, `size` pixels a side.

    Thin lines of a large drawing get bolder first.
    """
    scale = max(sketch.size) / size
    if scale > LARGE_SCALE:
        sketch = _embolden(sketch, scale)
    return np.asarray(letterbox.fit_square(sketch, size))


def _embolden(sketch: Image.Image, scale: float) -> Image.Image:
    """Widens lines that would be too thin after downscaling by `scale`, unless they are a tone."""
    levels = np.asarray(sketch)
    dark = levels.max(axis=-1) < LINE_LEVEL
    boundary = sum(np.count_nonzero(np.diff(dark, axis=axis)) for axis in (0, 1))
    # The mean line width in pixels: twice the dark area over its boundary's length.
    width = 2 * np.count_nonzero(dark) / boundary if boundary else 0.0
    if not 0 < width < THIN_LINE * scale:
        return sketch
    extra_width = math.ceil(BOLD_LINE * scale - width)
    if dark.mean() * (width + extra_width) / width >= MAX_BOLD_COVERAGE:
        return sketch
    window = (extra_width + 1, extra_width + 1, 1)
    return Image.fromarray(scipy.ndimage.minimum_filter(levels, window))
