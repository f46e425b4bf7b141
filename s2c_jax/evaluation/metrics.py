"""How good a colouring is: one picture against its sketch and its truth.

Every metric is a ratio of two sums, so that a metric of many pictures is the ratio of the sums of
theirs, in whatever order and batches they come: nothing but the sums is kept.
"""

import math
import operator
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import skimage.color
import skimage.metrics
from jaxtyping import Bool, Float, UInt8

Picture = UInt8[np.ndarray, "height width 3"]


# How far from white, in CIELAB, still looks like paper: old paper and a compressed file's, too.
_PAPER = 10.0


# The lightness under which a pixel is part of a dark line.
_DARK = 50.0


# Equal pictures have no finite signal-to-noise ratio.
_MAX_PSNR = 100.0


class Ratio(NamedTuple):
    """A metric: `total` over `weight`, which is 0 where there is nothing to measure."""

    total: float
    weight: float

    @property
    def value(self) -> float:
        """The quotient; NaN where there is nothing to measure."""
        return self.total / self.weight if self.weight else math.nan


def add(sums: Mapping[str, Ratio], ratios: Mapping[str, Ratio]) -> dict[str, Ratio]:
    """Returns the metrics of all pictures so far and of one more; no sums are of no pictures."""
    return {
        name: Ratio(*map(operator.add, sums.get(name, (0.0, 0.0)), ratio))
        for name, ratio in ratios.items()
    }


def measure(sketch: Picture, generated: Picture, truth: Picture) -> dict[str, Ratio]:
    """Measures one coloured picture.

    - mae: mean |y - G(x)|, pictures in [-1, 1] as in the pixel-level loss
    - psnr: peak signal-to-noise ratio in dB, at most 100
    - ssim: structural similarity (Wang et al. 2004: Gaussian window of deviation 1.5)
    - ciede2000: the CIEDE2000 colour difference where the truth is coloured
    - ciede2000_hue: the same of the hue alone: the colouring gets the truth's lightness and chroma
      first, and stays grey where it has no hue to speak of (a chroma under 1, as does the truth)
    - colorfulness: Hasler and Süsstrunk 2003, equation 7, generated over true
    - leakage: the share of paper that came out coloured
    - line_loss: the share of dark lines, in sketch and truth, that is dark no longer
    - checkerboard: the share of spectral energy at a period of two pixels, generated over true

    Where the sketch is blank, the truth is either paper or coloured.

    Args:
        sketch: what was coloured, of at least 11 pixels a side.
        generated: the colouring.
        truth: the true colouring.

    Returns:
        The metrics by name.
    """
    sketch_lab, generated_lab, truth_lab = map(skimage.color.rgb2lab, (sketch, generated, truth))
    paper, colored = _paper_and_colored(sketch_lab, truth_lab)
    line = (sketch_lab[..., 0] < _DARK) & (truth_lab[..., 0] < _DARK)
    of_truth, of_generated = truth_lab[colored], generated_lab[colored]
    has_hue = np.linalg.norm(of_truth[:, 1:], axis=-1) > 1
    return {
        "mae": Ratio(float(np.abs(generated.astype(np.float64) - truth).mean() / 127.5), 1.0),
        "psnr": Ratio(_psnr(generated, truth), 1.0),
        "ssim": Ratio(_ssim(generated, truth), 1.0),
        "ciede2000": _sum(skimage.color.deltaE_ciede2000(of_truth, of_generated)),
        "ciede2000_hue": _sum(
            skimage.color.deltaE_ciede2000(
                of_truth[has_hue], _with_hue(of_truth[has_hue], of_generated[has_hue])
            )
        ),
        "colorfulness": Ratio(colorfulness(generated), colorfulness(truth)),
        "leakage": _sum(~_like_paper(generated_lab[paper])),
        "line_loss": _sum(generated_lab[line][:, 0] >= _DARK),
        "checkerboard": Ratio(checkerboard(generated), checkerboard(truth)),
    }


def colored_pixels(sketch: Picture, truth: Picture) -> tuple[Float[np.ndarray, "3"], int]:
    """Returns the sum of the true colours where the truth is coloured, and of how many pixels."""
    _, colored = _paper_and_colored(skimage.color.rgb2lab(sketch), skimage.color.rgb2lab(truth))
    return truth[colored].astype(np.float64).sum(axis=0), int(colored.sum())


def colorfulness(picture: Picture) -> float:
    """Hasler and Süsstrunk 2003, equation 7: 0 is grey, 109 is extremely colourful."""
    red, green, blue = np.moveaxis(picture.astype(np.float64), -1, 0)
    red_green, yellow_blue = red - green, (red + green) / 2 - blue
    deviation = np.hypot(red_green.std(), yellow_blue.std())
    mean = np.hypot(red_green.mean(), yellow_blue.mean())
    return float(deviation + 0.3 * mean)


def checkerboard(picture: Picture) -> float:
    """The share of spectral energy whose period is two pixels across or down, in [0, 1].

    It is the period of a stride-2 transposed convolution's kernel positions, whose uneven overlap
    shows as a checkerboard (Odena et al. 2016). The mean colour is left out.
    """
    spectrum = np.fft.fft2(picture / 255.0, axes=(0, 1))
    energy = np.square(np.abs(spectrum)).sum(axis=-1)
    energy[0, 0] = 0.0
    row, column = picture.shape[0] // 2, picture.shape[1] // 2
    at_period = energy[row].sum() + energy[:, column].sum() - energy[row, column]
    return float(at_period / energy.sum()) if energy.any() else 0.0


def _paper_and_colored(
    sketch: Float[np.ndarray, "height width 3"], truth: Float[np.ndarray, "height width 3"]
) -> tuple[Bool[np.ndarray, "height width"], Bool[np.ndarray, "height width"]]:
    blank, white = _like_paper(sketch), _like_paper(truth)
    return blank & white, blank & ~white


def _like_paper(lab: Float[np.ndarray, "*pixels 3"]) -> Bool[np.ndarray, "*pixels"]:
    return np.linalg.norm(lab - np.array([100.0, 0.0, 0.0]), axis=-1) <= _PAPER


def _with_hue(
    lab: Float[np.ndarray, "pixels 3"], hue: Float[np.ndarray, "pixels 3"]
) -> Float[np.ndarray, "pixels 3"]:
    """Returns `lab` turned to the hues of another picture."""
    chroma = np.linalg.norm(lab[:, 1:], axis=-1, keepdims=True)
    # Under a chroma of 1 an angle is but rounding.
    direction = hue[:, 1:] / np.maximum(np.linalg.norm(hue[:, 1:], axis=-1, keepdims=True), 1.0)
    return np.concatenate([lab[:, :1], chroma * direction], axis=-1)


def _sum(values: np.ndarray) -> Ratio:
    return Ratio(float(values.sum()), float(values.size))


def _psnr(generated: Picture, truth: Picture) -> float:
    if np.array_equal(generated, truth):
        return _MAX_PSNR
    return min(float(skimage.metrics.peak_signal_noise_ratio(truth, generated)), _MAX_PSNR)


def _ssim(generated: Picture, truth: Picture) -> float:
    return float(
        skimage.metrics.structural_similarity(
            truth, generated, channel_axis=-1,
            gaussian_weights=True, sigma=1.5, use_sample_covariance=False,
        )
    )  # fmt: skip
