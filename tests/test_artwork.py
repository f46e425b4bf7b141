"""Layered files, read back by other code than what wrote them."""

import io
import sys
import xml.etree.ElementTree as ElementTree
import zipfile

import numpy as np
import pytest
from PIL import Image

from s2c_jax import artwork, compositing
from s2c_jax.errors import UserError
from tests.test_compositing import boxes, composed


@pytest.fixture(scope="module")
def layers():
    return composed(boxes(200, 6))


def over_white(pictures):
    """Composites pictures with their places, from bottom to top, by Pillow."""
    page = Image.new("RGBA", (200, 200), "white")
    for picture, place in pictures:
        page.alpha_composite(picture.convert("RGBA"), place)
    return np.asarray(page.convert("RGB")).astype(int)


def test_a_png_is_the_flat_picture(layers, tmp_path):
    artwork.write(layers, tmp_path / "a.png")
    with Image.open(tmp_path / "a.png") as picture:
        np.testing.assert_array_equal(np.asarray(picture), compositing.flatten(layers))


def test_openraster_is_read_back_as_its_specification_has_it(layers, tmp_path):
    artwork.write(layers, tmp_path / "a.ora")
    with zipfile.ZipFile(tmp_path / "a.ora") as file:
        first = file.infolist()[0]
        assert (first.filename, first.compress_type) == ("mimetype", zipfile.ZIP_STORED)
        assert file.read("mimetype") == b"image/openraster"
        image = ElementTree.fromstring(file.read("stack.xml"))
        assert (image.get("w"), image.get("h")) == ("200", "200")
        stack = list(image.iter("layer"))
        assert [layer.get("name") for layer in stack] == ["lines", "colour", "paper"]
        pictures = [
            (
                Image.open(io.BytesIO(file.read(layer.get("src")))),
                (int(layer.get("x")), int(layer.get("y"))),
            )
            for layer in reversed(stack)
        ]
        merged = Image.open(io.BytesIO(file.read("mergedimage.png"))).convert("RGB")
        assert max(Image.open(io.BytesIO(file.read("Thumbnails/thumbnail.png"))).size) <= 256
    np.testing.assert_array_equal(np.asarray(pictures[2][0].convert("RGBA")), layers.lines)
    flat = compositing.flatten(layers)
    np.testing.assert_array_equal(np.asarray(merged), flat)
    assert np.abs(over_white(pictures) - flat).max() <= 2


def test_photoshop_is_read_back_by_pillow(layers, tmp_path):
    artwork.write(layers, tmp_path / "a.psd")
    flat = compositing.flatten(layers)
    with Image.open(tmp_path / "a.psd") as file:
        assert file.format == "PSD"
        np.testing.assert_array_equal(np.asarray(file.convert("RGB")), flat)
        assert [name for name, *_ in file.layers] == ["paper", "colour", "lines"]
        pictures = []
        # The layer that Pillow goes to first it reads wrong.
        file.seek(2)
        file.load()
        for i, (_, _, (left, top, *_), _) in enumerate(file.layers):
            file.seek(i + 1)
            # Pillow calls a layer's channels R, G, B and A in the order of the file, in which
            # Photoshop's transparency comes first.
            alpha, red, green, blue = file.split()
            pictures.append((Image.merge("RGBA", (red, green, blue, alpha)), (left, top)))
    np.testing.assert_array_equal(np.asarray(pictures[2][0]), layers.lines)
    assert np.abs(over_white(pictures) - flat).max() <= 2


@pytest.mark.parametrize("suffix", [".ora", ".psd"])
def test_a_missing_package_is_named(suffix, monkeypatch):
    artwork.require(suffix)
    for package in ("pyora", "psd_tools"):
        monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(UserError, match=r"pip install 's2c_jax\[layers\]'"):
        artwork.require(suffix)
    artwork.require(".png")
