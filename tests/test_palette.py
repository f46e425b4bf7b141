"""Palettes, against the program that made the colorgram files."""

import json

import colorgram
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from s2c_jax import palette


def reference(picture):
    height, width, _ = picture.shape
    whole = Image.fromarray(picture)
    bands = []
    for band in range(4):
        part = whole.crop((0, height * band // 4, width, height * (band + 1) // 4))
        bands.append([tuple(color.rgb) for color in colorgram.extract(part, 5)[1:]])
    return bands


@given(st.integers(0, 2**32 - 1), st.integers(4, 30), st.integers(1, 30), st.integers(1, 255))
def test_a_palette_is_what_colorgram_finds_but_the_most_frequent(seed, height, width, spread):
    rng = np.random.default_rng(seed)
    base = rng.integers(0, 256 - spread, 3)
    picture = (base + rng.integers(0, spread + 1, (height, width, 3))).astype(np.uint8)
    actual = palette.extract(picture)
    for band, colors in zip(actual, reference(picture)):
        expected = colors + [colors[-1] if colors else (255, 255, 255)] * (4 - len(colors))
        np.testing.assert_array_equal(band, expected)


def test_a_colorgram_file_is_read_in_its_order():
    colors = np.arange(48).reshape(4, 4, 3)
    file = {str(b + 1): {str(i + 1): colors[b, i].tolist() for i in range(4)} for b in range(4)}
    np.testing.assert_array_equal(palette.parse(json.dumps(file).encode()), colors)
    # A band of fewer colours is filled up with its last, one of none with white.
    file["1"] = {"1": [1, 2, 3]}
    file["4"] = {}
    parsed = palette.parse(json.dumps(file).encode())
    assert parsed[0].tolist() == [[1, 2, 3]] * 4
    assert parsed[3].tolist() == [[255, 255, 255]] * 4


@pytest.mark.parametrize(
    "content",
    [b"", b"[]", b"{}", b'{"1": {"2": [1, 2, 3]}}', b"\xff"]
    + [
        # Twelve numbers, but not four colours of three.
        json.dumps({str(i): {key: [1, 2, 3, 4] for key in "123"} for i in range(1, 5)}).encode(),
        b"[" * 100_000,
    ]
    + [
        json.dumps({str(i): {"1": color} for i in range(1, 5)}).encode()
        for color in ([1, 2], [1, 2, 256], [1, 2, -1], ["a", "b", "c"], None, [1, 2, 3, 4])
    ],
)
def test_anything_else_is_no_colorgram(content):
    with pytest.raises(ValueError, match="no colorgram"):
        palette.parse(content)
