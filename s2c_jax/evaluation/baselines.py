"""Colourings that need no network, to compare with."""

import numpy as np
import scipy.ndimage
from jaxtyping import Float

from s2c_jax.datasets import input_pipeline
from s2c_jax.datasets.pairs import PairSource
from s2c_jax.evaluation import metrics
from s2c_jax.inference.generate import Pictures

# Training pairs that the mean colour is taken from; the first ones are as good as any, since the
# order of prepared pairs is that of a hash.
_MEAN_COLOR_PAIRS = 256


def mean_color(source: PairSource) -> Float[np.ndarray, "3"]:
    """Returns the mean of what is coloured in some pairs, in [0, 255]; white if nothing is."""
    total, count = np.zeros(3), 0
    for i in range(min(len(source), _MEAN_COLOR_PAIRS)):
        pair = input_pipeline.read_pairs(source, [i])
        colors, pixels = metrics.colored_pixels(pair["sketch"][0], pair["color"][0])
        total, count = total + colors, count + pixels
    return total / count if count else np.full(3, 255.0)


def fill_inside_lines(color: Float[np.ndarray, "3"], sketches: Pictures) -> Pictures:
    """Paints everything that dark lines enclose with one colour, under the lines."""
    filled = np.empty_like(sketches)
    for i, sketch in enumerate(sketches):
        inside = scipy.ndimage.binary_fill_holes(sketch.mean(axis=-1) < 128)
        painted = np.round(sketch / 255 * color).astype(np.uint8)
        filled[i] = np.where(inside[..., None], painted, sketch)
    return filled
