"""Layered files, read back by code that is independent of the packages that write them."""

import io
import struct
import sys
import xml.etree.ElementTree as ElementTree
import zipfile

import numpy as np
import pytest
from PIL import Image

from s2c_jax.drawing import compositing, layered_files
from s2c_jax.errors import UserError
from tests.support.boxes import draw_boxes, layers_of


@pytest.fixture(scope="module")
def layers():
    return layers_of(draw_boxes(200, 6))


def over_white(pictures):
    """Composites pictures at their offsets with Pillow, from bottom to top."""
    page = Image.new("RGBA", (200, 200), "white")
    for picture, place in pictures:
        page.alpha_composite(picture.convert("RGBA"), place)
    return np.asarray(page.convert("RGB")).astype(int)


def test_png_holds_the_flat_picture(layers, tmp_path):
    layered_files.write(layers, tmp_path / "a.png")
    with Image.open(tmp_path / "a.png") as picture:
        np.testing.assert_array_equal(np.asarray(picture), compositing.flatten_layers(layers))


def test_openraster_file_follows_its_specification(layers, tmp_path):
    layered_files.write(layers, tmp_path / "a.ora")
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
    flat = compositing.flatten_layers(layers)
    np.testing.assert_array_equal(np.asarray(merged), flat)
    assert np.abs(over_white(pictures) - flat).max() <= 2


def unpack_bits(data, size):
    """Decompresses PackBits."""
    found = bytearray()
    at = 0
    while len(found) < size:
        count = data[at]
        if count < 128:
            found += data[at + 1 : at + 2 + count]
            at += 2 + count
        else:
            found += data[at + 1 : at + 2] * (257 - count)
            at += 2
    return bytes(found)


def psd_layers(data):
    """Reads the layers of a PSD file by Adobe's specification: name to RGBA array.

    Pillow's reader swaps the layers' channels, and reads the first layer wrong.
    """
    file = io.BytesIO(data)

    def read(kind):
        return struct.unpack(">" + kind, file.read(struct.calcsize(">" + kind)))

    assert read("4sH") == (b"8BPS", 1)
    file.seek(26)
    for _ in ("colour mode", "resources"):
        file.seek(*read("I"), io.SEEK_CUR)
    _, _, count = read("IIh")
    records = []
    for _ in range(abs(count)):
        top, left, bottom, right, channels = read("iiiiH")
        kinds = [read("hI") for _ in range(channels)]
        assert read("4s4s")[0] == b"8BIM"
        opacity, _, _, _, extra = read("BBBBI")
        assert opacity == 255
        end = file.tell() + extra
        for _ in ("mask", "blending ranges"):
            file.seek(*read("I"), io.SEEK_CUR)
        name = file.read(*read("B")).decode()
        file.seek(end)
        records.append((name, (bottom - top, right - left), kinds))
    found = {}
    for name, (rows, columns), kinds in records:
        picture = np.empty((rows, columns, 4), np.uint8)
        for kind, length in kinds:
            end = file.tell() + length
            (compression,) = read("H")
            if compression == 1:
                file.seek(2 * rows, io.SEEK_CUR)
            pixels = file.read(end - file.tell())
            if compression == 1:
                pixels = unpack_bits(pixels, rows * columns)
            picture[..., kind] = np.frombuffer(pixels, np.uint8).reshape(rows, columns)
        found[name] = picture
    return found


def test_photoshop_file_follows_its_specification(layers, tmp_path):
    layered_files.write(layers, tmp_path / "a.psd")
    flat = compositing.flatten_layers(layers)
    with Image.open(tmp_path / "a.psd") as file:
        assert file.format == "PSD"
        np.testing.assert_array_equal(np.asarray(file.convert("RGB")), flat)
    found = psd_layers((tmp_path / "a.psd").read_bytes())
    # From bottom to top.
    assert list(found) == ["paper", "colour", "lines"]
    assert (found["paper"] == 255).all()
    np.testing.assert_array_equal(found["colour"], layers.color)
    np.testing.assert_array_equal(found["lines"], layers.lines)


@pytest.mark.parametrize("suffix", [".ora", ".psd"])
def test_missing_package_is_named_with_its_extra(suffix, monkeypatch):
    layered_files.require(suffix)
    for package in ("pyora", "psd_tools"):
        monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(UserError, match=r"pip install 's2c_jax\[layers\]'"):
        layered_files.require(suffix)
    layered_files.require(".png")
