"""Sketches are downscaled so that their lines survive."""

import numpy as np
import pytest
from PIL import Image

from s2c_jax.drawing import letterbox, preparation
from tests.support.boxes import draw_boxes


@pytest.mark.parametrize(("line_width", "bolder"), [(2, True), (30, False)])
def test_only_thin_lines_of_large_drawings_are_made_bolder(line_width, bolder):
    sketch = draw_boxes(1000, line_width)
    square = preparation.downscale_sketch(sketch, 64)
    plain = np.asarray(letterbox.fit_square(sketch, 64))
    if bolder:
        assert int(square.min()) < int(plain.min()) - 20
    else:
        np.testing.assert_array_equal(square, plain)


def test_lines_of_a_drawing_that_is_not_large_stay_as_they_are():
    sketch = draw_boxes(256, 1)
    plain = np.asarray(letterbox.fit_square(sketch, 64))
    np.testing.assert_array_equal(preparation.downscale_sketch(sketch, 64), plain)


def test_screentones_are_not_made_bolder():
    """Bolder dots would merge into solid black."""
    levels = np.full((1024, 1024, 3), 255, np.uint8)
    levels[::4] = levels[:, ::4] = 0
    sketch = Image.fromarray(levels)
    plain = np.asarray(letterbox.fit_square(sketch, 64))
    np.testing.assert_array_equal(preparation.downscale_sketch(sketch, 64), plain)
