"""Sheets of pictures."""

import numpy as np
import pytest

from s2c_jax.drawing import sheets


@pytest.mark.parametrize(
    ("groups", "cell", "side"), [(2, 32, 32), (2, 8, 8), (5, 16, 16), (9, 8, 8)]
)
def test_sheet_shows_every_picture_at_its_place(groups, cell, side):
    """Examples run from left to right and then down; the columns of one stand side by side."""
    examples, titles = 5, ("a", "b", "c")
    colors = np.arange(examples * 3 * 3, dtype=np.uint8).reshape(3, examples, 3) * 5
    columns = [color[:, None, None].repeat(8, 1).repeat(8, 2) for color in colors]
    page = np.asarray(sheets.sheet(columns, titles, groups=groups, cell=cell))
    # Every picture is the only place of its colour: find where each one lies.
    found = np.empty((3, examples, 2), int)
    for column in range(3):
        for example in range(examples):
            rows, xs = np.nonzero((page == colors[column, example]).all(axis=-1))
            found[column, example] = rows.min(), xs.min()
            assert len(rows) == side * side
            assert (np.ptp(rows), np.ptp(xs)) == (side - 1, side - 1)
    gap = side // 16
    first_top, first_left = found[0, 0]
    for column in range(3):
        for example in range(examples):
            row, group = divmod(example, min(groups, examples))
            expected = (
                first_top + row * (side + gap),
                first_left + group * (3 * side + gap) + column * side,
            )
            assert tuple(found[column, example]) == expected


def test_sheet_enlarges_small_pictures_by_a_whole_factor():
    pictures = np.zeros((1, 48, 48, 3), np.uint8)
    page = np.asarray(sheets.sheet([pictures], [""], cell=100))
    assert (page == 0).all(axis=-1).sum() == 144**2


def test_sheet_titles_stand_above_their_columns():
    columns = [np.full((1, 128, 128, 3), 255, np.uint8)] * 2
    page = np.asarray(sheets.sheet(columns, ["", "truth"])).astype(int)
    inked = np.nonzero((page < 200).all(axis=-1))
    assert len(inked[0])
    # All letters are in the header above the second column.
    assert inked[0].max() < 26
    assert inked[1].min() > 8 + 128
