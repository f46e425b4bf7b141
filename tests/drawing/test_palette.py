"""Palettes, compared with a port of the program that made the colorgram files."""

import json
import re

import colorgram
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from s2c_jax.drawing import palette
from s2c_jax.errors import UserError


def reference(picture):
    height, width, _ = picture.shape
    whole = Image.fromarray(picture)
    bands = []
    for band in range(4):
        part = whole.crop((0, height * band // 4, width, height * (band + 1) // 4))
        bands.append([tuple(color.rgb) for color in colorgram.extract(part, 5)[1:]])
    return bands


@given(st.integers(0, 2**32 - 1), st.integers(4, 30), st.integers(1, 30), st.integers(1, 255))
def test_extract_equals_colorgram_without_the_most_frequent_colour(seed, height, width, spread):
    rng = np.random.default_rng(seed)
    base = rng.integers(0, 256 - spread, 3)
    picture = (base + rng.integers(0, spread + 1, (height, width, 3))).astype(np.uint8)
    actual = palette.extract(picture)
    for band, colors in zip(actual, reference(picture)):
        expected = colors + [colors[-1] if colors else (255, 255, 255)] * (4 - len(colors))
        np.testing.assert_array_equal(band, expected)


def test_parse_keeps_the_order_of_a_colorgram_file():
    colors = np.arange(48).reshape(4, 4, 3)
    file = {str(b + 1): {str(i + 1): colors[b, i].tolist() for i in range(4)} for b in range(4)}
    np.testing.assert_array_equal(palette.parse(json.dumps(file).encode()), colors)
    # A shorter band repeats its last colour; an empty band becomes white.
    file["1"] = {"1": [1, 2, 3]}
    file["4"] = {}
    parsed = palette.parse(json.dumps(file).encode())
    assert parsed[0].tolist() == [[1, 2, 3]] * 4
    assert parsed[3].tolist() == [[255, 255, 255]] * 4


@pytest.mark.parametrize(
    "content",
    [b"", b"[]", b"{}", b'{"1": {"2": [1, 2, 3]}}', b"\xff"]
    + [
        # Twelve numbers in each band, but not four colours of three.
        json.dumps({str(i): {key: [1, 2, 3, 4] for key in "123"} for i in range(1, 5)}).encode(),
        b"[" * 100_000,
    ]
    + [
        json.dumps({str(i): {"1": color} for i in range(1, 5)}).encode()
        for color in ([1, 2], [1, 2, 256], [1, 2, -1], ["a", "b", "c"], None, [1, 2, 3, 4])
    ],
)
def test_parse_refuses_other_content(content):
    with pytest.raises(ValueError, match="no colorgram"):
        palette.parse(content)


def test_from_colors_parses_hexadecimal_and_css_names():
    for band in palette.from_colors("#fcea2b, red,#010203"):
        assert band.tolist() == [
            [0xFC, 0xEA, 0x2B, 255],
            [255, 0, 0, 255],
            [1, 2, 3, 255],
            [0, 0, 0, 0],
        ]


@pytest.mark.parametrize("text", ["", "#12", "red,", "nocolour", "red,red,red,red,red"])
def test_from_colors_names_a_bad_palette(text):
    with pytest.raises(UserError, match=re.escape(f"the palette {text!r}")):
        palette.from_colors(text)


def test_read_takes_a_picture_or_a_colorgram(tmp_path):
    picture = np.random.default_rng(0).integers(0, 256, (16, 16, 3), dtype=np.uint8)
    Image.fromarray(picture).save(tmp_path / "picture.png")
    taken = palette.read(tmp_path / "picture.png")
    np.testing.assert_array_equal(taken[..., :3], palette.extract(picture))
    assert (taken[..., 3] == 255).all()
    file = {
        str(band + 1): {str(i + 1): color[:3].tolist() for i, color in enumerate(colors)}
        for band, colors in enumerate(taken)
    }
    (tmp_path / "colors.json").write_text(json.dumps(file))
    np.testing.assert_array_equal(palette.read(tmp_path / "colors.json"), taken)


@pytest.mark.parametrize("name", ["missing.png", "missing.json", "bad.json", "flat.png"])
def test_read_names_a_bad_file(tmp_path, name):
    (tmp_path / "bad.json").write_text("{}")
    Image.new("RGB", (9, 3)).save(tmp_path / "flat.png")
    with pytest.raises(UserError, match=name):
        palette.read(tmp_path / name)


def test_drawn_palettes_are_saturated_and_depend_on_the_seed_alone():
    drawn = [palette.draw(seed) for seed in range(20)]
    np.testing.assert_array_equal(palette.draw(7), drawn[7])
    assert len({colors.tobytes() for colors in drawn}) == len(drawn)
    for colors in drawn:
        used = colors[0][colors[0, :, 3] == 255]
        assert 2 <= len(used) <= 4
        assert np.ptp(used[:, :3], axis=-1).min() > 60
        assert (colors == colors[:1]).all()
