"""Image files of any mode are read as RGB on white paper, and written as PNG."""

import io
import itertools

import numpy as np
import pytest
from PIL import Image

from s2c_jax.drawing import image_files
from s2c_jax.errors import UserError
from tests.support.sketches import huge_png


def save(tmp_path, picture, name="picture.png", **options):
    path = tmp_path / name
    picture.save(path, **options)
    return path


def half_transparent_black(mode):
    """Returns a picture whose left half is opaque black and whose right half is transparent."""
    alpha = np.zeros((4, 8), np.uint8)
    alpha[:, :4] = 255
    channels = [np.zeros_like(alpha)] * (len(mode) - 1) + [alpha]
    return Image.fromarray(np.stack(channels, axis=-1), mode)


@pytest.mark.parametrize("mode", ["LA", "RGBA"])
def test_transparent_pixels_become_white_paper(tmp_path, mode):
    pixels = np.asarray(image_files.read(save(tmp_path, half_transparent_black(mode))))
    assert (pixels[:, :4] == 0).all()
    assert (pixels[:, 4:] == 255).all()


def test_transparent_entry_of_a_palette_becomes_white_paper(tmp_path):
    picture = Image.new("P", (4, 4), 1)
    picture.putpalette([255, 0, 0, 0, 0, 0])
    picture.putpixel((0, 0), 0)
    pixels = np.asarray(image_files.read(save(tmp_path, picture, transparency=1)))
    assert (pixels[0, 0] == [255, 0, 0]).all()
    assert (pixels[1:] == 255).all()


def test_sixteen_bit_levels_are_scaled_and_not_clipped(tmp_path):
    ramp = np.linspace(0, 65535, 16).astype(np.uint16).reshape(1, 16)
    pixels = np.asarray(image_files.read(save(tmp_path, Image.fromarray(ramp))))
    np.testing.assert_allclose(pixels[0, :, 0], ramp[0] / 257, atol=1)


@pytest.mark.parametrize(
    ("mode", "name"),
    [
        *itertools.product(["1", "L", "RGB"], ["picture.png", "picture.jpg", "picture.webp"]),
        ("CMYK", "picture.jpg"),
    ],
)
def test_every_mode_of_every_format_is_read_as_rgb(tmp_path, mode, name):
    white = Image.new("RGB", (5, 7), "white").convert(mode)
    picture = image_files.read(save(tmp_path, white, name))
    assert picture.mode == "RGB"
    assert picture.size == (5, 7)
    assert np.asarray(picture).min() > 250


def test_photographs_are_rotated_upright(tmp_path):
    picture = Image.new("RGB", (6, 2))
    exif = Image.Exif()
    exif[0x0112] = 6
    assert image_files.read(save(tmp_path, picture, "photo.jpg", exif=exif)).size == (2, 6)


@pytest.mark.parametrize("name", ["photo.jpg", "photo.webp"])
def test_damaged_exif_data_is_ignored(tmp_path, name):
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010F] = "maker"
    path = save(tmp_path, Image.new("RGB", (6, 2)), name, exif=exif)
    data = path.read_bytes()
    start = data.index(b"MM\x00*") if b"MM\x00*" in data else data.index(b"II*\x00")
    for i in range(start + 4, start + 30):
        for value in (0, 255):
            path.write_bytes(data[:i] + bytes([value]) + data[i + 1 :])
            assert image_files.read(path).size in ((6, 2), (2, 6))


def test_transparent_sixteen_bit_level_becomes_white_paper(tmp_path):
    grey = Image.fromarray(np.full((2, 2), 100, np.uint16))
    assert np.asarray(image_files.read(save(tmp_path, grey, transparency=100))).min() == 255


def truncated_png():
    buffer = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    Image.fromarray(noise).save(buffer, "PNG")
    return buffer.getvalue()[:2000]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not a PNG, JPEG or WebP picture"),
        (b"hello", "not a PNG, JPEG or WebP picture"),
        (b"GIF89a" + bytes(100), "not a PNG, JPEG or WebP picture"),
        (huge_png(4096, 4097), "4096x4097 pixels are more than 4096x4096"),
        (huge_png(10000, 10000), "10000x10000 pixels are more than 4096x4096"),
        (huge_png(60000, 60000), "has more than 4096x4096 pixels"),
        (truncated_png(), "cannot be read"),
        (huge_png(8, 8), "cannot be read"),
    ],
)
def test_unreadable_files_are_named_in_one_line(tmp_path, content, message):
    path = tmp_path / "bad.png"
    path.write_bytes(content)
    with pytest.raises(UserError, match=message) as raised:
        image_files.read(path)
    assert str(path) in str(raised.value)
    assert "\n" not in str(raised.value)


def test_missing_files_and_folders_are_named(tmp_path):
    for path in (tmp_path / "none.png", tmp_path):
        with pytest.raises(UserError, match="cannot be read"):
            image_files.read(path)


def test_failed_write_leaves_no_partial_file(tmp_path):
    (tmp_path / "a.png").mkdir()
    with pytest.raises(OSError, match="a.png"):
        image_files.write_png(Image.new("RGB", (3, 3)), tmp_path / "a.png")
    assert [p.name for p in tmp_path.iterdir()] == ["a.png"]


def test_write_png_leaves_the_complete_file_alone(tmp_path):
    image_files.write_png(Image.new("RGB", (3, 3), "red"), tmp_path / "a.png")
    assert [p.name for p in tmp_path.iterdir()] == ["a.png"]
    assert image_files.read(tmp_path / "a.png").getpixel((0, 0)) == (255, 0, 0)


def test_read_rgba_keeps_transparency(tmp_path):
    Image.new("RGBA", (3, 3), (1, 2, 3, 77)).save(tmp_path / "hints.png")
    assert image_files.read_rgba(tmp_path / "hints.png").getpixel((0, 0)) == (1, 2, 3, 77)
    Image.new("RGB", (3, 3), (1, 2, 3)).save(tmp_path / "opaque.png")
    assert image_files.read_rgba(tmp_path / "opaque.png").getpixel((0, 0)) == (1, 2, 3, 255)
