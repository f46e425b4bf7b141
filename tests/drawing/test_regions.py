"""Upsampling keeps colours within the lines around them."""

import numpy as np
from PIL import Image

from s2c_jax.drawing.regions import line_aware_upsample


def test_upsampling_without_lines_is_bilinear():
    color = np.random.default_rng(0).uniform(0, 255, (6, 9, 3)).astype(np.float32)
    upsampled = line_aware_upsample(color, np.ones((6, 9)), np.zeros((60, 90)))
    bilinear = np.stack(
        [
            np.asarray(Image.fromarray(channel).resize((90, 60), Image.Resampling.BILINEAR))
            for channel in np.moveaxis(color, -1, 0)
        ],
        axis=-1,
    )
    np.testing.assert_allclose(upsampled, bilinear, atol=0.6)


def test_colour_does_not_cross_a_line_within_a_cell():
    """The line crosses the fifth column of cells, whose colour is a mixture of both sides."""
    opacity = np.zeros((100, 100), np.float32)
    opacity[:, 44:46] = 1
    color = np.zeros((10, 10, 3), np.float32)
    color[:, :4], color[:, 5:] = (200, 0, 0), (0, 0, 200)
    color[:, 4] = (80, 0, 120)
    upsampled = line_aware_upsample(color, np.ones((10, 10)), opacity).astype(int)
    # Away from the mixed cells, each side has its own colour alone.
    assert (upsampled[:, :35] == (200, 0, 0)).all()
    assert (upsampled[:, 55:] == (0, 0, 200)).all()
    # A side takes nothing from the other side's cells: red is at least the mixture's.
    assert (upsampled[:, :44, 0] >= 80).all()
    assert (upsampled[:, 46:, 2] >= 120).all()
    # Half a cell on each side of the line: its region's own cells outweigh the mixed ones.
    assert (upsampled[:, 38, 0] > 150).all()


def test_cells_under_lines_count_little():
    color = np.full((4, 4, 3), 100, np.float32)
    color[1:3, 1:3] = 250
    line_free_fraction = np.ones((4, 4))
    line_free_fraction[1:3, 1:3] = 0.2
    upsampled = line_aware_upsample(color, line_free_fraction, np.zeros((40, 40)))
    # Bilinear upsampling would reach 175 halfway between both kinds of cells.
    assert upsampled[20, 10].max() < 110


def test_regions_smaller_than_a_cell_take_the_colour_of_their_place():
    opacity = np.ones((40, 40), np.float32)
    opacity[24:26, 24:26] = 0
    color = np.full((4, 4, 3), 10, np.float32)
    color[2, 2] = 90
    upsampled = line_aware_upsample(color, np.ones((4, 4)), opacity)
    assert (upsampled[24:26, 24:26] > 75).all()
