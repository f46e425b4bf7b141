"""Pictures side by side on a sheet."""

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw


def sheet(
    columns: Sequence[np.ndarray], titles: Sequence[str], *, groups: int = 4, cell: int = 128
) -> Image.Image:
    """Lays pictures out side by side, one example after the other, `groups` examples a row.

    Args:
        columns: for each title its pictures, uint8 (examples, height, width, 3).
        titles: what stands above each column, such as sketch, coloured, truth.
        groups: examples in a row of the sheet.
        cell: the smallest side of a picture on the sheet; smaller ones are enlarged.
    """
    examples, side = len(columns[0]), columns[0].shape[1]
    groups = min(groups, examples)
    side *= -(-cell // side)
    gap, header = side // 16, 18
    group_width, row_height = len(columns) * side + gap, side + gap
    rows = -(-examples // groups)
    page = Image.new(
        "RGB", (groups * group_width + gap, header + rows * row_height + gap), (224, 224, 224)
    )
    draw = ImageDraw.Draw(page)
    for example in range(examples):
        row, group = divmod(example, groups)
        for column, (title, pictures) in enumerate(zip(titles, columns, strict=True)):
            left = gap + group * group_width + column * side
            if row == 0:
                place = (left + side / 2, (gap + header) / 2)
                draw.text(place, title, fill=(64, 64, 64), anchor="mm")
            picture = Image.fromarray(pictures[example])
            page.paste(
                picture.resize((side, side), Image.Resampling.BICUBIC),
                (left, header + gap + row * row_height),
            )
    return page
