"""The metrics of one coloured picture, compared with its sketch and its truth.

Every metric is a ratio of two sums. The metric of many pictures is the ratio of the added sums, so
pictures may come in any batches, and only the sums are kept.
"""

import math
import operator
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import skimage.color
import skimage.metrics
from jaxtyping import Bool, Float, UInt8

# RGB in [0, 255].
Picture = UInt8[np.ndarray, "height width 3"]

# The largest distance from white, in CIELAB, of a pixel that counts as paper; it admits old paper
# and the noise of compressed files.
_PAPER_DISTANCE = 10.0
# The lightness, in CIELAB, under which a pixel is part of a dark line.
_DARK_LIGHTNESS = 50.0
# The chroma, in CIELAB, under which a pixel has no hue: its angle would be rounding noise.
_MIN_CHROMA = 1.0
# The PSNR of equal pictures, in dB; it would be infinite.
_MAX_PSNR = 100.0


class Ratio(NamedTuple):
    """A metric as a ratio, `total` over `weight`; a weight of 0 means nothing to measure."""

    total: float
    weight: float

    @property
    def value(self) -> float:
        """The ratio's value; NaN if there is nothing to measure."""
        return self.total / self.weight if self.weight else math.nan


def add(sums: Mapping[str, Ratio], ratios: Mapping[str, Ratio]) -> dict[str, Ratio]:
    """Returns the metrics of several pictures and of one more, by name; `sums` may be empty."""
    return {
        name: Ratio(*map(operator.add, sums.get(name, (0.0, 0.0)), ratio))
        for name, ratio in ratios.items()
    }


def measure(sketch: Picture, generated: Picture, truth: Picture) -> dict[str, Ratio]:
    """Measures one coloured picture; returns the metrics by name.

    - mae: mean |y - G(x)| for pictures in [-1, 1], as in the pixel-level loss
    - psnr: peak signal-to-noise ratio in dB, at most 100
    - ssim: structural similarity (Wang et al. 2004, with a Gaussian window of deviation 1.5)
    - ciede2000: CIEDE2000 colour difference, where the truth is coloured
    - ciede2000_hue: the same for the hue alone: the colouring is given the truth's lightness and
      chroma first. Pixels of the truth without a hue are left out; a pixel of the colouring without
      a hue stays grey
    - colorfulness: Hasler and Süsstrunk 2003, equation 7, generated over true
    - leakage: share of the paper that is coloured
    - line_loss: share of the dark lines, in both sketch and truth, that are no longer dark
    - checkerboard: share of spectral energy at a period of two pixels, generated over true

    Where the sketch is blank, the truth is either paper or coloured. The pictures are at least 11
    pixels wide and high.
    """
    sketch_lab, generated_lab, truth_lab = map(skimage.color.rgb2lab, (sketch, generated, truth))
    paper, colored = _paper_and_colored(sketch_lab, truth_lab)
    line = (sketch_lab[..., 0] < _DARK_LIGHTNESS) & (truth_lab[..., 0] < _DARK_LIGHTNESS)
    true_colors, colors = truth_lab[colored], generated_lab[colored]
    has_hue = np.linalg.norm(true_colors[:, 1:], axis=-1) > _MIN_CHROMA
    true_hues, hues = true_colors[has_hue], _with_hue(true_colors[has_hue], colors[has_hue])
    return {
        "mae": Ratio(float(np.abs(generated.astype(np.float64) - truth).mean() / 127.5), 1.0),
        "psnr": Ratio(_psnr(generated, truth), 1.0),
        "ssim": Ratio(_ssim(generated, truth), 1.0),
        "ciede2000": _mean(skimage.color.deltaE_ciede2000(true_colors, colors)),
        "ciede2000_hue": _mean(skimage.color.deltaE_ciede2000(true_hues, hues)),
        "colorfulness": Ratio(colorfulness(generated), colorfulness(truth)),
        "leakage": _mean(~_like_paper(generated_lab[paper])),
        "line_loss": _mean(generated_lab[line][:, 0] >= _DARK_LIGHTNESS),
        "checkerboard": Ratio(checkerboard(generated), checkerboard(truth)),
    }


def colored_pixels(sketch: Picture, truth: Picture) -> tuple[Float[np.ndarray, "3"], int]:
    """Returns the sum of the true colours over the coloured pixels, and the number of these."""
    _, colored = _paper_and_colored(skimage.color.rgb2lab(sketch), skimage.color.rgb2lab(truth))
    return truth[colored].astype(np.float64).sum(axis=0), int(colored.sum())


def colorfulness(picture: Picture) -> float:
    """Returns the colourfulness of Hasler and Süsstrunk 2003, equation 7.

    0 is grey, 109 is "extremely colourful".
    """
    red, green, blue = np.moveaxis(picture.astype(np.float64), -1, 0)
    red_green, yellow_blue = red - green, (red + green) / 2 - blue
    deviation = np.hypot(red_green.std(), yellow_blue.std())
    mean = np.hypot(red_green.mean(), yellow_blue.mean())
    return float(deviation + 0.3 * mean)


def checkerboard(picture: Picture) -> float:
    """Returns the share, in [0, 1], of spectral energy with a period of two pixels across or down.

    The kernel of a stride-2 transposed convolution overlaps itself unevenly, with this period,
    which shows as a checkerboard (Odena et al. 2016). The mean colour is left out.
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
    """Returns where the sketch is blank and the truth is paper, and where the truth is coloured."""
    blank, white = _like_paper(sketch), _like_paper(truth)
    return blank & white, blank & ~white


def _like_paper(lab: Float[np.ndarray, "*pixels 3"]) -> Bool[np.ndarray, "*pixels"]:
    return np.linalg.norm(lab - np.array([100.0, 0.0, 0.0]), axis=-1) <= _PAPER_DISTANCE


def _with_hue(
    lab: Float[np.ndarray, "pixels 3"], hue: Float[np.ndarray, "pixels 3"]
) -> Float[np.ndarray, "pixels 3"]:
    """Returns the pixels `lab` with the hue of the pixels `hue`; both are CIELAB."""
    chroma = np.linalg.norm(lab[:, 1:], axis=-1, keepdims=True)
    norm = np.linalg.norm(hue[:, 1:], axis=-1, keepdims=True)
    direction = hue[:, 1:] / np.maximum(norm, _MIN_CHROMA)
    return np.concatenate([lab[:, :1], chroma * direction], axis=-1)


def _mean(values: np.ndarray) -> Ratio:
    """Returns the mean as a ratio of the sum to the number."""
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
