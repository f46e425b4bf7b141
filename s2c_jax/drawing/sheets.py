"""Sheets: many pictures side by side in one picture."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageDraw

# Height in pixels of the line of titles.
_HEADER = 18
# Greys of the sheet and of its titles.
_BACKGROUND = (224, 224, 224)
_TEXT = (64, 64, 64)


def sheet(
    columns: Sequence[UInt8[np.ndarray, "examples side side 3"]],
    titles: Sequence[str],
    *,
    groups: int = 4,
    cell: int = 128,
) -> Image.Image:
    """Lays pictures out on a sheet: the columns of one example side by side, as a group.

    Args:
        columns: for each title, the pictures of all examples.
        titles: the text above each column, such as sketch, coloured, truth.
        groups: how many examples stand in a row of the sheet.
        cell: smallest side of a picture on the sheet in pixels; smaller pictures are enlarged by a
            whole factor.
    """
    examples, side = len(columns[0]), columns[0].shape[1]
    groups = min(groups, examples)
    side *= -(-cell // side)
    gap = side // 16
    group_width, row_height = len(columns) * side + gap, side + gap
    rows = -(-examples // groups)
    size = (groups * group_width + gap, _HEADER + rows * row_height + gap)
    page = Image.new("RGB", size, _BACKGROUND)
    draw = ImageDraw.Draw(page)
    for example in range(examples):
        row, group = divmod(example, groups)
        for column, (title, pictures) in enumerate(zip(titles, columns, strict=True)):
            left = gap + group * group_width + column * side
            if row == 0:
                center = (left + side / 2, (gap + _HEADER) / 2)
                draw.text(center, title, fill=_TEXT, anchor="mm")
            picture = Image.fromarray(pictures[example])
            picture = picture.resize((side, side), Image.Resampling.BICUBIC)
            page.paste(picture, (left, _HEADER + gap + row * row_height))
    return page
