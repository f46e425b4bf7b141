"""Colourings that need no network, for comparison."""

import numpy as np
import scipy.ndimage
from jaxtyping import Float

from s2c_jax.datasets import input_pipeline
from s2c_jax.datasets.pairs import PairSource
from s2c_jax.drawing.preparation import LINE_LEVEL
from s2c_jax.evaluation import metrics
from s2c_jax.inference.generate import UInt8Pictures

# Number of training pairs whose mean colour is taken. Pairs are stored in the order of a hash, so
# the first ones are a random sample.
_MEAN_COLOR_PAIRS = 256


def mean_color(source: PairSource) -> Float[np.ndarray, "3"]:
    """Returns the mean colour, in [0, 255], of the first pairs' `metrics.colored_pixels`.

    If there are none, the colour is white.
    """
    total, count = np.zeros(3), 0
    for i in range(min(len(source), _MEAN_COLOR_PAIRS)):
        pair = input_pipeline.read_pairs(source, [i])
        colors, pixels = metrics.colored_pixels(pair["sketch"][0], pair["color"][0])
        total, count = total + colors, count + pixels
    return total / count if count else np.full(3, 255.0)


def fill_inside_lines(color: Float[np.ndarray, "3"], sketches: UInt8Pictures) -> UInt8Pictures:
    """Paints everything that lines enclose with one colour, in [0, 255], under the lines."""
    filled = np.empty_like(sketches)
    for i, sketch in enumerate(sketches):
        inside = scipy.ndimage.binary_fill_holes(sketch.mean(axis=-1) < LINE_LEVEL)
        painted = np.round(sketch / 255 * color).astype(np.uint8)
        filled[i] = np.where(inside[..., None], painted, sketch)
    return filled
