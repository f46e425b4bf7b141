"""What lines enclose, and colours that stay within it."""

from collections.abc import Iterator

import numpy as np
import scipy.ndimage
from jaxtyping import Bool, Float, UInt8
from PIL import Image

# Far more than in proportion: a pixel that is half another region's has half of its colours.
_POWER = 4


# From here on a pixel is part of a line that parts regions.
_LINE = 0.5


# How many pixels a line takes at most from opaque to nothing.
_RIM = 2


# Where lines leave less of a pixel of the small picture free than this, its colour cannot be told.
LEAST_LINE_FREE = 0.3


def line_aware_upsample(
    color: Float[np.ndarray, "rows columns 3"],
    free: Float[np.ndarray, "rows columns"],
    opacity: Float[np.ndarray, "height width"],
) -> UInt8[np.ndarray, "height width 3"]:
    """Brings colours up to the size of a sketch without crossing its lines.

    Each region between lines takes its colours from the small picture's pixels, those the most
    that it covers and no line does, and interpolates them within itself (normalised convolution,
    Knutsson and Westin 1993). It reaches a little under the lines, where they are not opaque.
    Regions smaller than a pixel of the small picture have that one's colour.

    Args:
        color: the colours of a smaller picture, without lines, in [0, 255].
        free: the share of its pixels that no line covers, in [0, 1].
        opacity: of the sketch's own lines, in [0, 1].
    """
    height, width = opacity.shape
    rows, columns = free.shape
    row_of, column_of = np.arange(height) * rows // height, np.arange(width) * columns // width
    result = np.stack(
        [
            np.round(_enlarged(channel, (height, width))).astype(np.uint8)
            for channel in np.moveaxis(color, -1, 0)
        ],
        axis=-1,
    )
    for box, region in _regions(opacity, height * width // (rows * columns)):
        # The pixels that it covers, and a margin to interpolate into.
        top, bottom = max(0, row_of[box[0].start] - 1), row_of[box[0].stop - 1] + 2
        left, right = max(0, column_of[box[1].start] - 1), column_of[box[1].stop - 1] + 2
        cells = np.s_[top:bottom, left:right]
        shape = free[cells].shape
        index = (row_of[box[0], None] - top) * shape[1] + column_of[box[1]] - left
        coverage = np.bincount(index[region], minlength=free[cells].size).reshape(shape)
        weight = coverage * np.maximum(free[cells], LEAST_LINE_FREE / 2)
        weight = ((weight / weight.max()) ** _POWER).astype(np.float32)
        frame = (
            box[1].start * columns / width - left, box[0].start * rows / height - top,
            box[1].stop * columns / width - left, box[0].stop * rows / height - top,
        )  # fmt: skip
        weights = np.maximum(_enlarged(weight, region.shape, frame)[region], 1e-12)
        for channel in range(3):
            sums = _enlarged(color[cells][..., channel] * weight, region.shape, frame)[region]
            result[box][..., channel][region] = np.round(np.clip(sums / weights, 0, 255))
    return result


def _regions(
    opacity: Float[np.ndarray, "height width"], smallest: int
) -> Iterator[tuple[tuple[slice, slice], Bool[np.ndarray, "rows columns"]]]:
    """Yields what lines enclose: a box, and what of it the region is."""
    labels, count = scipy.ndimage.label(opacity < _LINE)
    sizes = np.bincount(labels.ravel(), minlength=count + 1)
    kept = sizes >= max(smallest, 1)
    kept[0] = False
    numbers = np.where(kept, np.cumsum(kept), 0).astype(np.int32)
    labels = numbers[labels]
    labels = np.where(labels, labels, scipy.ndimage.maximum_filter(labels, 2 * _RIM + 1))
    for number, box in enumerate(scipy.ndimage.find_objects(labels), start=1):
        yield box, labels[box] == number


def _enlarged(
    picture: Float[np.ndarray, "rows columns"],
    shape: tuple[int, ...],
    frame: tuple[float, float, float, float] | None = None,
) -> Float[np.ndarray, "height width"]:
    """Interpolates a picture, or its part within left, top, right, bottom, to another shape."""
    size = (shape[1], shape[0])
    image = Image.fromarray(np.ascontiguousarray(picture))
    return np.asarray(image.resize(size, Image.Resampling.BILINEAR, box=frame))
