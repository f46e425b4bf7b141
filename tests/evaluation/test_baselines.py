"""The colourings that need no network."""

import numpy as np

from s2c_jax.evaluation import baselines
from tests.support.drawings import encoded


def square_outline():
    """A sketch of a black square, 8 pixels wide, in a white picture of 16 pixels."""
    sketch = np.full((16, 16, 3), 255, np.uint8)
    sketch[4, 4:12] = sketch[11, 4:12] = sketch[4:12, 4] = sketch[4:12, 11] = 0
    return sketch


def test_mean_color_is_the_mean_of_the_coloured_pixels():
    sketch = square_outline()
    source = []
    for color in ((200, 100, 0), (100, 50, 0)):
        truth = sketch.copy()
        truth[5:11, 5:11] = color
        source.append(encoded(sketch, truth))
    np.testing.assert_allclose(baselines.mean_color(source), (150, 75, 0))


def test_mean_color_of_pairs_without_colour_is_white():
    sketch = square_outline()
    assert (baselines.mean_color([encoded(sketch, sketch)]) == 255).all()


def test_fill_inside_lines_paints_under_the_lines_what_they_enclose():
    (filled,) = baselines.fill_inside_lines(np.array([150.0, 75.0, 0.0]), square_outline()[None])
    assert (filled[5:11, 5:11] == (150, 75, 0)).all()
    assert (filled[4, 4:12] == 0).all()
    assert (filled[:4] == 255).all()
