"""The artist's lines come back untouched, and no colour crosses them."""

import numpy as np
import pytest
from PIL import Image

from s2c_jax.drawing import compositing, letterbox, preparation
from tests.support.boxes import BLUE, RED, boxes, composed, network


@pytest.mark.parametrize(("size", "width"), [(40, 2), (64, 2), (256, 8), (1000, 30), (4000, 120)])
def test_dark_pixels_stay_as_they_were(size, width):
    sketch = boxes(size, width)
    picture = compositing.flatten_layers(composed(sketch))
    before = np.asarray(sketch).astype(int)
    assert picture.shape == before.shape
    dark = before.max(axis=-1) < 128
    assert dark.any()
    assert np.abs(picture[dark] - before[dark]).max() <= 2


def test_lines_of_any_colour_stay_as_they_were():
    """A drawing in blue and brown pencil."""
    levels = np.full((300, 300, 3), 255, np.uint8)
    levels[100:110] = (30, 40, 120)
    levels[:, 100:110] = (90, 50, 10)
    picture = compositing.flatten_layers(composed(Image.fromarray(levels)))
    dark = levels.max(axis=-1) < 128
    assert np.abs(picture[dark].astype(int) - levels[dark]).max() <= 2


@pytest.mark.parametrize("size", [256, 1000])
def test_colour_fills_what_lines_enclose_and_does_not_cross_them(size):
    sketch = boxes(size, size // 32)
    layers = composed(sketch)
    color, alpha = layers.color[..., :3].astype(int), layers.color[..., 3]
    free = np.asarray(sketch).min(axis=-1) == 255
    columns = np.arange(size)[None, :].repeat(size, axis=0) / size
    rows = columns.T
    inside = free & (rows > 0.2) & (rows < 0.8)
    for within, expected in (
        (inside & (columns > 0.1) & (columns < 0.5), RED),
        (inside & (columns > 0.5) & (columns < 0.9), BLUE),
    ):
        assert within.sum() > 0.05 * size**2
        assert np.abs(color[within] - expected).max() <= 6
        assert (alpha[within] == 255).all()
    outside = free & ((rows < 0.2) | (rows > 0.8) | (columns < 0.1) | (columns > 0.9))
    # As good as white: paper.
    assert (alpha[outside] == 0).mean() > 0.99
    assert (compositing.flatten_layers(layers)[outside] > 245).mean() > 0.999


def test_there_is_no_pale_rim_between_line_and_colour():
    """Half-covered pixels mix line and colour, not line and the white of the sketch."""
    sketch = boxes(1000, 30)
    picture = compositing.flatten_layers(composed(sketch)).astype(int)
    row = picture[500, 110:490]
    assert row[:, 1:].max() <= 132


@pytest.mark.parametrize(("width", "bolder"), [(2, True), (30, False)])
def test_only_lines_that_would_vanish_are_made_bolder(width, bolder):
    sketch = boxes(1000, width)
    square = preparation.downscale_sketch(sketch, 64)
    plain = np.asarray(letterbox.fit_square(sketch, 64))
    if bolder:
        assert int(square.min()) < int(plain.min()) - 20
    else:
        np.testing.assert_array_equal(square, plain)


@pytest.mark.parametrize(
    "size", [(1, 1), (300, 1), (70, 2), (3, 500), (500, 3), (64, 64), (257, 100)]
)
def test_any_shape_and_an_empty_sketch_work(size):
    for value in (0, 255):
        sketch = Image.new("RGB", size, (value, value, value))
        square = preparation.downscale_sketch(sketch, 64)
        layers = compositing.split_layers(sketch, square, np.full_like(square, 255))
        picture = compositing.flatten_layers(layers)
        assert picture.shape == (size[1], size[0], 3)
        assert (picture == value).all()


def test_many_small_regions_are_coloured():
    """Hatching: each strip has the colour that the network gave to its place."""
    levels = np.full((512, 512, 3), 255, np.uint8)
    levels[:, ::16] = levels[:, 1::16] = 0
    sketch = Image.fromarray(levels)
    square = preparation.downscale_sketch(sketch, 64)
    layers = compositing.split_layers(
        sketch, square, np.round(square * (0.9, 0.5, 0.1)).astype(np.uint8)
    )
    free = levels[..., 0] == 255
    found = layers.color[..., :3][free].astype(int)
    assert np.abs(found - np.round(np.array([0.9, 0.5, 0.1]) * 255)).max() <= 4


COLOR = np.array([230, 178, 51])


def constant(square):
    """A network that paints everything in one colour, under the lines that it saw."""
    return np.round(square / 255 * COLOR).astype(np.uint8)


@pytest.mark.parametrize("side", [64, 512])
@pytest.mark.parametrize("width", [2, 4, 12])
def test_small_blanks_of_a_large_drawing_have_colour(side, width):
    """Within lines, and within solid black, whatever share of the network's pixel they are."""
    levels = np.full((2048, 2048, 3), 255, np.uint8)
    levels[300:330, 300:330] = levels[900:1300, 900:1300] = 0
    blanks = [np.s_[315 : 315 + width, 315 : 315 + width]]
    blanks.append(np.s_[1100 : 1100 + width, 1100 : 1100 + width])
    for blank in blanks:
        levels[blank] = 255
    sketch = Image.fromarray(levels)
    square = preparation.downscale_sketch(sketch, side)
    picture = compositing.flatten_layers(compositing.split_layers(sketch, square, constant(square)))
    for blank in blanks:
        assert np.abs(picture[blank].astype(int) - COLOR).max() <= 12


@pytest.mark.parametrize("paper", [255, 220, 180])
def test_grey_paper_is_paper(paper):
    """A photograph's paper veils no colour, and its lines stay."""
    white = np.asarray(boxes(256, 8)).astype(float)
    sketch = Image.fromarray(np.round(white * paper / 255).astype(np.uint8))
    square = preparation.downscale_sketch(sketch, 64)
    picture = compositing.flatten_layers(compositing.split_layers(sketch, square, constant(square)))
    blank = (white == 255).all(axis=-1)
    # As dark as this network's colours are on such paper, and no darker.
    found = picture[blank].astype(int)
    assert np.median(np.abs(found - COLOR * paper / 255)) <= 2
    assert picture[(white == 0).all(axis=-1)].max() <= 2


@pytest.mark.parametrize("size", [48, 64, 100])
def test_the_colour_layer_has_no_lines(size):
    sketch = boxes(size, max(1, size // 32))
    square = preparation.downscale_sketch(sketch, 64)
    layers = compositing.split_layers(sketch, square, constant(square))
    assert np.abs(layers.color[..., :3].astype(int) - COLOR).max() <= 25


def test_what_a_screentone_leaves_free_is_coloured():
    levels = np.full((1024, 1024, 3), 255, np.uint8)
    levels[::4] = levels[:, ::4] = 0
    sketch = Image.fromarray(levels)
    square = preparation.downscale_sketch(sketch, 64)
    layers = compositing.split_layers(sketch, square, constant(square))
    found = layers.color[..., :3][levels[..., 0] == 255].astype(int)
    assert np.abs(found - COLOR).max() <= 12


@pytest.mark.parametrize("size", [(64, 64), (64, 40), (150, 90)])
def test_less_work_for_a_flat_picture_gives_the_same_one(size):
    noise = np.random.default_rng(0).integers(0, 256, (*size[::-1], 3), np.uint8)
    for levels in (noise, noise[..., :1].repeat(3, axis=-1)):
        sketch = Image.fromarray(levels)
        square = preparation.downscale_sketch(sketch, 64)
        colored = np.random.default_rng(1).integers(0, 256, square.shape, np.uint8)
        flat = compositing.composite(sketch, square, colored)
        whole = compositing.flatten_layers(compositing.split_layers(sketch, square, colored))
        np.testing.assert_array_equal(flat, whole)


def test_a_grey_sketch_of_the_networks_size_is_flattened_without_layers(monkeypatch):
    sketch = boxes(64, 2)
    square = preparation.downscale_sketch(sketch, 64)
    colored = network(square)
    expected = compositing.flatten_layers(compositing.split_layers(sketch, square, colored))
    monkeypatch.delattr(compositing, "split_layers")
    np.testing.assert_array_equal(compositing.composite(sketch, square, colored), expected)
