"""Regions that lines enclose, and an upsampling that keeps colours within them."""

from collections.abc import Iterator

import numpy as np
import scipy.ndimage
from jaxtyping import Bool, Float, Float32, Int, UInt8
from PIL import Image

# Smallest line-free fraction at which a cell's colour counts as known. Below it, division by the
# fraction would amplify the network's errors more than 3 times.
MIN_LINE_FREE_FRACTION = 0.3
# Exponent that down-weights cells shared with another region: such a cell mixes both colours.
SHARED_CELL_EXPONENT = 4
# Opacity in [0, 1] from which a pixel belongs to a line and separates regions.
LINE_OPACITY = 0.5
# Distance in pixels by which a region reaches under its lines. Antialiased lines fade from opaque
# to transparent within this distance.
LINE_RIM = 2
# Smallest sum of weights to divide by; it avoids 0 / 0 far from a region's own cells.
MIN_WEIGHT = 1e-12


# A connected part of the sketch: the rows and columns of its bounding box, its pixels in the box.
_Region = tuple[tuple[slice, slice], Bool[np.ndarray, "box_height box_width"]]


def line_aware_upsample(
    color: Float[np.ndarray, "rows columns 3"],
    line_free_fraction: Float[np.ndarray, "rows columns"],
    opacity: Float[np.ndarray, "height width"],
) -> UInt8[np.ndarray, "height width 3"]:
    """Upsamples colours to the sketch's size so that no colour crosses a line.

    A cell is a pixel of the small picture. Each region between lines interpolates its colours from
    its own cells, by normalised convolution (Knutsson and Westin 1993). A cell weighs more the more
    of it the region covers, and the less of it lines cover. Regions reach `LINE_RIM` pixels under
    the lines. Regions smaller than a cell, and opaque line, are interpolated without weights.

    Args:
        color: the small picture without lines, in [0, 255].
        line_free_fraction: the fraction of each cell that no line covers, in [0, 1].
        opacity: of the sketch's lines, in [0, 1].

    Returns:
        RGB, in [0, 255].
    """
    channels = [_resize(channel, opacity.shape) for channel in np.moveaxis(color, -1, 0)]
    result = np.stack([np.round(channel).astype(np.uint8) for channel in channels], axis=-1)
    for region in _regions(opacity, min_size=opacity.size // line_free_fraction.size):
        _color_region(result, region, color, line_free_fraction)
    return result


def _color_region(
    result: UInt8[np.ndarray, "height width 3"],
    region: _Region,
    color: Float[np.ndarray, "rows columns 3"],
    line_free_fraction: Float[np.ndarray, "rows columns"],
) -> None:
    """Writes a region's colours, interpolated from its own cells, into `result`."""
    (height, width), (rows, columns) = result.shape[:2], line_free_fraction.shape
    box, mask = region
    y, x = box
    row_of_pixel = np.arange(y.start, y.stop) * rows // height
    column_of_pixel = np.arange(x.start, x.stop) * columns // width
    # The region's cells, and one more on each side to interpolate with.
    top, bottom = max(0, row_of_pixel[0] - 1), row_of_pixel[-1] + 2
    left, right = max(0, column_of_pixel[0] - 1), column_of_pixel[-1] + 2
    cells = np.s_[top:bottom, left:right]
    weight = _cell_weights(
        mask, row_of_pixel - top, column_of_pixel - left, line_free_fraction[cells]
    )
    # The region's bounding box in the coordinates of `cells`.
    frame = (
        x.start * columns / width - left, y.start * rows / height - top,
        x.stop * columns / width - left, y.stop * rows / height - top,
    )  # fmt: skip
    weights = np.maximum(_resize(weight, mask.shape, frame)[mask], MIN_WEIGHT)
    for channel in range(3):
        sums = _resize(color[cells][..., channel] * weight, mask.shape, frame)[mask]
        result[box][..., channel][mask] = np.round(np.clip(sums / weights, 0, 255))


def _cell_weights(
    mask: Bool[np.ndarray, "box_height box_width"],
    row_of_pixel: Int[np.ndarray, " box_height"],
    column_of_pixel: Int[np.ndarray, " box_width"],
    line_free_fraction: Float[np.ndarray, "rows columns"],
) -> Float32[np.ndarray, "rows columns"]:
    """Returns how much each cell counts in a region's colours, in [0, 1]."""
    rows, columns = line_free_fraction.shape
    cell_of_pixel = row_of_pixel[:, None] * columns + column_of_pixel
    coverage = np.bincount(cell_of_pixel[mask], minlength=rows * columns).reshape(rows, columns)
    # Half the minimum for cells under lines: they count little, but a region may have no others.
    weight = coverage * np.maximum(line_free_fraction, MIN_LINE_FREE_FRACTION / 2)
    return ((weight / weight.max()) ** SHARED_CELL_EXPONENT).astype(np.float32)


def _regions(opacity: Float[np.ndarray, "height width"], min_size: int) -> Iterator[_Region]:
    """Yields the regions between lines that have at least `min_size` pixels."""
    labels, count = scipy.ndimage.label(opacity < LINE_OPACITY)
    sizes = np.bincount(labels.ravel(), minlength=count + 1)
    kept = sizes >= max(min_size, 1)
    kept[0] = False
    labels = np.where(kept, np.cumsum(kept), 0).astype(np.int32)[labels]
    labels = np.where(labels, labels, scipy.ndimage.maximum_filter(labels, 2 * LINE_RIM + 1))
    for label, box in enumerate(scipy.ndimage.find_objects(labels), start=1):
        yield box, labels[box] == label


def _resize(
    picture: Float[np.ndarray, "rows columns"],
    shape: tuple[int, ...],
    frame: tuple[float, float, float, float] | None = None,
) -> Float[np.ndarray, "height width"]:
    """Interpolates a channel, or its part `frame` (left, top, right, bottom), bilinearly."""
    image = Image.fromarray(np.ascontiguousarray(picture))
    return np.asarray(image.resize((shape[1], shape[0]), Image.Resampling.BILINEAR, box=frame))
