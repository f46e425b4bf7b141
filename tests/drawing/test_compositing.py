"""Compositing keeps the sketch's lines as they are, and no colour crosses them."""

import numpy as np
import pytest
from PIL import Image

from s2c_jax.drawing import compositing, preparation
from tests.support.boxes import BLUE, RED, color_boxes, draw_boxes, layers_of

# The colour of every region that `color_evenly` colours, in RGB.
COLOR = np.array([230, 178, 51])


def color_evenly(network_input):
    """Colours everything evenly, multiplied by the lines of the input."""
    return np.round(network_input / 255 * COLOR).astype(np.uint8)


@pytest.mark.parametrize(
    ("size", "width"),
    [
        (40, 2),
        (64, 2),
        (256, 8),
        (1000, 30),
        pytest.param(4000, 120, marks=pytest.mark.slow(reason="composites 16 million pixels")),
    ],
)
def test_dark_pixels_of_the_sketch_are_unchanged(size, width):
    sketch = draw_boxes(size, width)
    picture = compositing.flatten_layers(layers_of(sketch))
    before = np.asarray(sketch).astype(int)
    assert picture.shape == before.shape
    dark = before.max(axis=-1) < 128
    assert dark.any()
    assert np.abs(picture[dark] - before[dark]).max() <= 2


def test_lines_of_any_colour_are_unchanged():
    """A drawing in blue and brown pencil."""
    levels = np.full((300, 300, 3), 255, np.uint8)
    levels[100:110] = (30, 40, 120)
    levels[:, 100:110] = (90, 50, 10)
    picture = compositing.flatten_layers(layers_of(Image.fromarray(levels)))
    dark = levels.max(axis=-1) < 128
    assert np.abs(picture[dark].astype(int) - levels[dark]).max() <= 2


@pytest.mark.parametrize("size", [256, 1000])
def test_colour_fills_regions_and_does_not_cross_lines(size):
    sketch = draw_boxes(size, size // 32)
    layers = layers_of(sketch)
    color, alpha = layers.color[..., :3].astype(int), layers.color[..., 3]
    is_paper = np.asarray(sketch).min(axis=-1) == 255
    columns = np.arange(size)[None, :].repeat(size, axis=0) / size
    rows = columns.T
    inside = is_paper & (rows > 0.2) & (rows < 0.8)
    for within, expected in (
        (inside & (columns > 0.1) & (columns < 0.5), RED),
        (inside & (columns > 0.5) & (columns < 0.9), BLUE),
    ):
        assert within.sum() > 0.05 * size**2
        assert np.abs(color[within] - expected).max() <= 6
        assert (alpha[within] == 255).all()
    outside = is_paper & ((rows < 0.2) | (rows > 0.8) | (columns < 0.1) | (columns > 0.9))
    # Colours that count as white are transparent.
    assert (alpha[outside] == 0).mean() > 0.99
    assert (compositing.flatten_layers(layers)[outside] > 245).mean() > 0.999


def test_no_pale_rim_appears_between_line_and_colour():
    """Antialiased pixels mix line and colour, not line and the white of the sketch."""
    sketch = draw_boxes(1000, 30)
    picture = compositing.flatten_layers(layers_of(sketch)).astype(int)
    row = picture[500, 110:490]
    assert row[:, 1:].max() <= 132


@pytest.mark.parametrize(
    "size", [(1, 1), (300, 1), (70, 2), (3, 500), (500, 3), (64, 64), (257, 100)]
)
def test_sketches_of_any_shape_and_empty_sketches_composite(size):
    for value in (0, 255):
        sketch = Image.new("RGB", size, (value, value, value))
        picture = compositing.flatten_layers(
            layers_of(sketch, lambda network_input: np.full_like(network_input, 255))
        )
        assert picture.shape == (size[1], size[0], 3)
        assert (picture == value).all()


def test_many_narrow_regions_are_coloured():
    """Hatching: each strip gets the colour that the network gave to its place."""
    levels = np.full((512, 512, 3), 255, np.uint8)
    levels[:, ::16] = levels[:, 1::16] = 0
    sketch = Image.fromarray(levels)
    color = layers_of(sketch, color_evenly).color[..., :3]
    assert np.abs(color[levels[..., 0] == 255] - COLOR).max() <= 4


@pytest.mark.parametrize("side", [64, 512])
@pytest.mark.parametrize("width", [2, 4, 12])
def test_small_blanks_in_solid_black_are_coloured(side, width):
    """Blanks may cover any share of a cell, in thick lines and in large black areas."""
    levels = np.full((2048, 2048, 3), 255, np.uint8)
    levels[300:330, 300:330] = levels[900:1300, 900:1300] = 0
    blanks = [np.s_[315 : 315 + width, 315 : 315 + width]]
    blanks.append(np.s_[1100 : 1100 + width, 1100 : 1100 + width])
    for blank in blanks:
        levels[blank] = 255
    sketch = Image.fromarray(levels)
    picture = compositing.flatten_layers(layers_of(sketch, color_evenly, side))
    for blank in blanks:
        assert np.abs(picture[blank].astype(int) - COLOR).max() <= 12


@pytest.mark.parametrize("paper", [255, 220, 180])
def test_grey_paper_counts_as_paper(paper):
    """In a photograph, the paper's tone does not darken colours further, and lines stay."""
    white = np.asarray(draw_boxes(256, 8)).astype(float)
    sketch = Image.fromarray(np.round(white * paper / 255).astype(np.uint8))
    picture = compositing.flatten_layers(layers_of(sketch, color_evenly))
    blank = (white == 255).all(axis=-1)
    # The network's colours are multiplied by its input, so by the paper's tone once.
    assert np.median(np.abs(picture[blank] - COLOR * paper / 255)) <= 2
    assert picture[(white == 0).all(axis=-1)].max() <= 2


@pytest.mark.parametrize("size", [48, 64, 100])
def test_color_layer_has_no_lines(size):
    sketch = draw_boxes(size, max(1, size // 32))
    layers = layers_of(sketch, color_evenly)
    assert np.abs(layers.color[..., :3].astype(int) - COLOR).max() <= 25


def test_gaps_of_a_screentone_are_coloured():
    levels = np.full((1024, 1024, 3), 255, np.uint8)
    levels[::4] = levels[:, ::4] = 0
    sketch = Image.fromarray(levels)
    color = layers_of(sketch, color_evenly).color[..., :3]
    assert np.abs(color[levels[..., 0] == 255] - COLOR).max() <= 12


@pytest.mark.parametrize("size", [(64, 64), (64, 40), (150, 90)])
def test_composite_equals_flattened_layers(size):
    noise = np.random.default_rng(0).integers(0, 256, (*size[::-1], 3), np.uint8)
    for levels in (noise, noise[..., :1].repeat(3, axis=-1)):
        sketch = Image.fromarray(levels)
        network_input = preparation.downscale_sketch(sketch, 64)
        colored = np.random.default_rng(1).integers(0, 256, network_input.shape, np.uint8)
        flat = compositing.composite(sketch, network_input, colored)
        whole = compositing.flatten_layers(compositing.split_layers(sketch, network_input, colored))
        np.testing.assert_array_equal(flat, whole)


def test_composite_of_a_grey_sketch_in_network_size_splits_no_layers(monkeypatch):
    sketch = draw_boxes(64, 2)
    network_input = preparation.downscale_sketch(sketch, 64)
    colored = color_boxes(network_input)
    expected = compositing.flatten_layers(compositing.split_layers(sketch, network_input, colored))
    monkeypatch.delattr(compositing, "split_layers")
    np.testing.assert_array_equal(compositing.composite(sketch, network_input, colored), expected)
