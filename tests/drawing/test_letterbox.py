"""Pictures and hints are fitted to the network's square in the same place."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from s2c_jax.drawing import letterbox


@given(width=st.integers(1, 300), height=st.integers(1, 300), side=st.sampled_from([16, 64]))
@settings(max_examples=50, deadline=None)
def test_fit_square_keeps_the_aspect_ratio(width, height, side):
    picture = Image.new("RGB", (width, height), (0, 0, 0))
    square = letterbox.fit_square(picture, side)
    assert square.size == (side, side)
    dark = np.asarray(square)[..., 0] < 128
    rows, columns = dark.any(axis=1).sum(), dark.any(axis=0).sum()
    assert max(rows, columns) == side
    assert abs(columns - max(1, width * side / max(width, height))) <= 0.5 + 1e-9
    assert abs(rows - max(1, height * side / max(width, height))) <= 0.5 + 1e-9
    left, top, right, bottom = letterbox.fitted_box((width, height), side)
    assert (right - left, bottom - top) == (columns, rows)
    assert dark[top:bottom, left:right].all()


def test_fit_square_rgba_puts_hints_in_their_place_and_makes_them_opaque():
    hints = Image.new("RGBA", (200, 100), (9, 9, 9, 0))
    hints.paste((255, 0, 64, 255), (100, 40, 150, 60))
    hints.paste((0, 255, 0, 128), (0, 0, 10, 10))
    square = letterbox.fit_square_rgba(hints, 20)
    assert square.dtype == np.uint8
    assert square.shape == (20, 20, 4)
    expected = np.zeros((20, 20, 4), np.uint8)
    expected[9:11, 10:15] = (255, 0, 64, 255)
    expected[5, 0] = (0, 255, 0, 255)
    np.testing.assert_array_equal(square, expected)


@pytest.mark.parametrize(("painted", "kept"), [(2, False), (3, True)])
def test_fit_square_rgba_drops_hints_smaller_than_a_twentieth_of_a_pixel(painted, kept):
    hints = Image.new("RGBA", (70, 70))
    hints.paste((200, 100, 50, 255), (0, 0, painted, 1))
    square = letterbox.fit_square_rgba(hints, 10)
    assert square.any() == kept
    if kept:
        assert square[0, 0].tolist() == [200, 100, 50, 255]
