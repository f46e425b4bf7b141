"""Lines are drawn where a picture has lines or borders, and nowhere else."""

import jax.numpy as jnp
import numpy as np
import pytest
import scipy.ndimage

from s2c_jax.drawing import lines

SIDE = 48
WIDTH = jnp.float32(0.7)


def inked_disc():
    """A red disc with a black outline two pixels wide, on white; and where the outline is."""
    row, column = np.mgrid[:SIDE, :SIDE] - (SIDE - 1) / 2
    radius = np.hypot(row, column)
    picture = np.ones((SIDE, SIDE, 3), np.float32)
    picture[radius < 15] = (0.9, 0.2, 0.2)
    outline = np.abs(radius - 15) < 1
    picture[outline] = 0
    return picture, outline


def flat_halves(left, right):
    picture = np.ones((SIDE, SIDE, 3), np.float32) * np.float32(left)
    picture[:, SIDE // 2 :] = right
    return picture


@pytest.mark.parametrize("name", lines.EXTRACTORS)
def test_extractors_draw_the_outline_of_an_inked_drawing_and_leave_flat_areas_blank(name):
    picture, outline = inked_disc()
    ink = np.asarray(lines.EXTRACTORS[name](jnp.asarray(picture), WIDTH))
    assert ink.shape == (SIDE, SIDE)
    assert ink.min() >= 0
    assert ink.max() <= 1
    assert ink[scipy.ndimage.binary_dilation(outline)].mean() > 0.3
    far = ~scipy.ndimage.binary_dilation(outline, iterations=4)
    assert ink[far].max() < 0.05


@pytest.mark.parametrize("name", lines.EXTRACTORS)
@pytest.mark.parametrize("color", [(1, 1, 1), (0, 0, 0), (0.3, 0.1, 0.6)])
def test_extractors_draw_nothing_in_a_picture_of_one_color(name, color):
    picture = jnp.asarray(flat_halves(color, color))
    assert np.asarray(lines.EXTRACTORS[name](picture, WIDTH)).max() < 0.02


def test_borders_finds_a_border_between_colors_of_equal_luma():
    red = np.array([0.6, 0.0, 0.0])
    green = np.array([0.0, 0.6 * 0.299 / 0.587, 0.0])
    ink = np.asarray(lines.borders(jnp.asarray(flat_halves(red, green)), WIDTH))
    middle = ink[:, SIDE // 2 - 2 : SIDE // 2 + 2]
    assert middle.max(axis=1).min() > 0.5
    assert ink[:, : SIDE // 2 - 5].max() == 0


@pytest.mark.parametrize("sigma", [0.5, 1.0, 1.5])
def test_blur_is_scipys_gaussian_filter(sigma):
    values = np.random.default_rng(0).uniform(size=(20, 30)).astype(np.float32)
    expected = scipy.ndimage.gaussian_filter(values, sigma, mode="nearest", radius=5)
    np.testing.assert_allclose(
        lines.blur(jnp.asarray(values), jnp.float32(sigma)), expected, atol=1e-5
    )
