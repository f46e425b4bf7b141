"""Pictures of any mode come in as RGB on white; squares are fitted and undone."""

import io
import itertools
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from s2c_jax.drawing import image_files, letterbox, sheets
from s2c_jax.errors import UserError


def saved(tmp_path, picture, name="picture.png", **options):
    path = tmp_path / name
    picture.save(path, **options)
    return path


def half_transparent_black(mode):
    """Left half opaque black, right half transparent black."""
    alpha = np.zeros((4, 8), np.uint8)
    alpha[:, :4] = 255
    channels = [np.zeros_like(alpha)] * (len(mode) - 1) + [alpha]
    return Image.fromarray(np.stack(channels, axis=-1), mode)


@pytest.mark.parametrize("mode", ["LA", "RGBA"])
def test_transparency_is_white_paper(tmp_path, mode):
    pixels = np.asarray(image_files.read(saved(tmp_path, half_transparent_black(mode))))
    assert (pixels[:, :4] == 0).all()
    assert (pixels[:, 4:] == 255).all()


def test_a_palettes_transparent_entry_is_white_paper(tmp_path):
    picture = Image.new("P", (4, 4), 1)
    picture.putpalette([255, 0, 0, 0, 0, 0])
    picture.putpixel((0, 0), 0)
    pixels = np.asarray(image_files.read(saved(tmp_path, picture, transparency=1)))
    assert (pixels[0, 0] == [255, 0, 0]).all()
    assert (pixels[1:] == 255).all()


def test_sixteen_bits_are_scaled_and_not_clipped(tmp_path):
    ramp = np.linspace(0, 65535, 16).astype(np.uint16).reshape(1, 16)
    pixels = np.asarray(image_files.read(saved(tmp_path, Image.fromarray(ramp))))
    np.testing.assert_allclose(pixels[0, :, 0], ramp[0] / 257, atol=1)


@pytest.mark.parametrize(
    ("mode", "name"),
    [
        *itertools.product(["1", "L", "RGB"], ["picture.png", "picture.jpg", "picture.webp"]),
        ("CMYK", "picture.jpg"),
    ],
)
def test_every_mode_of_every_format_is_rgb(tmp_path, mode, name):
    white = Image.new("RGB", (5, 7), "white").convert(mode)
    picture = image_files.read(saved(tmp_path, white, name))
    assert picture.mode == "RGB"
    assert picture.size == (5, 7)
    assert np.asarray(picture).min() > 250


def test_a_photographs_orientation_is_followed(tmp_path):
    picture = Image.new("RGB", (6, 2))
    exif = Image.Exif()
    exif[0x0112] = 6
    assert image_files.read(saved(tmp_path, picture, "photo.jpg", exif=exif)).size == (2, 6)


@pytest.mark.parametrize("name", ["photo.jpg", "photo.webp"])
def test_damaged_camera_data_is_passed_over(tmp_path, name):
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010F] = "maker"
    path = saved(tmp_path, Image.new("RGB", (6, 2)), name, exif=exif)
    data = path.read_bytes()
    start = data.index(b"MM\x00*") if b"MM\x00*" in data else data.index(b"II*\x00")
    for i in range(start + 4, start + 30):
        for value in (0, 255):
            path.write_bytes(data[:i] + bytes([value]) + data[i + 1 :])
            assert image_files.read(path).size in ((6, 2), (2, 6))


def test_sixteen_bit_transparency_is_white_paper(tmp_path):
    grey = Image.fromarray(np.full((2, 2), 100, np.uint16))
    assert np.asarray(image_files.read(saved(tmp_path, grey, transparency=100))).min() == 255


def huge_png(width, height):
    """A PNG whose header claims a size that its data does not have."""

    def chunk(kind, data):
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b"\0"))
        + chunk(b"IEND", b"")
    )


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
        (huge_png(60000, 60000), "more than 4096x4096"),
        (truncated_png(), "cannot be read"),
        (huge_png(8, 8), "cannot be read"),
    ],
)
def test_what_is_no_sound_picture_is_named_in_one_line(tmp_path, content, message):
    path = tmp_path / "bad.png"
    path.write_bytes(content)
    with pytest.raises(UserError, match=message) as raised:
        image_files.read(path)
    assert str(path) in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_missing_file_and_a_folder_are_named(tmp_path):
    for path in (tmp_path / "none.png", tmp_path):
        with pytest.raises(UserError, match="cannot be read"):
            image_files.read(path)


@given(width=st.integers(1, 300), height=st.integers(1, 300), side=st.sampled_from([16, 64]))
@settings(max_examples=50, deadline=None)
def test_fitting_keeps_the_aspect_ratio(width, height, side):
    picture = Image.new("RGB", (width, height), (0, 0, 0))
    square = letterbox.fit_square(picture, side)
    assert square.size == (side, side)
    dark = np.asarray(square)[..., 0] < 128
    rows, columns = dark.any(axis=1).sum(), dark.any(axis=0).sum()
    assert max(rows, columns) == side
    assert abs(columns - max(1, width * side / max(width, height))) <= 0.5 + 1e-9
    assert abs(rows - max(1, height * side / max(width, height))) <= 0.5 + 1e-9
    left, top, right, bottom = letterbox.fitted_box((width, height), side)
    assert (right - left, bottom - top) == (columns, rows)
    assert dark[top:bottom, left:right].all()


def test_a_sheet_shows_every_picture_beside_its_partners():
    columns = [np.full((5, 8, 8, 3), value, np.uint8) for value in (10, 100, 200)]
    page = np.asarray(sheets.sheet(columns, ["a", "b", "c"], groups=2, cell=32))
    for value in (10, 100, 200):
        assert (page == value).all(axis=-1).sum() >= 5 * 32 * 32


def test_a_failed_write_leaves_nothing_behind(tmp_path):
    (tmp_path / "a.png").mkdir()
    with pytest.raises(OSError, match="a.png"):
        image_files.write_png(Image.new("RGB", (3, 3)), tmp_path / "a.png")
    assert [p.name for p in tmp_path.iterdir()] == ["a.png"]


def test_a_written_png_is_whole_and_leaves_nothing_else(tmp_path):
    image_files.write_png(Image.new("RGB", (3, 3), "red"), tmp_path / "a.png")
    assert [p.name for p in tmp_path.iterdir()] == ["a.png"]
    assert image_files.read(tmp_path / "a.png").getpixel((0, 0)) == (255, 0, 0)


def test_hints_are_fitted_as_their_sketch_is():
    """A brush's stroke is all or nothing in each pixel, in its own colour, and in its place."""
    hints = Image.new("RGBA", (200, 100), (9, 9, 9, 0))
    hints.paste((255, 0, 64, 255), (100, 40, 150, 60))
    hints.paste((0, 255, 0, 128), (0, 0, 10, 10))
    square = letterbox.fit_square_rgba(hints, 20)
    assert square.dtype == np.uint8
    assert square.shape == (20, 20, 4)
    expected = np.zeros((20, 20, 4), np.uint8)
    expected[9:11, 10:15] = (255, 0, 64, 255)
    expected[5, 0] = (0, 255, 0, 255)
    np.testing.assert_array_equal(square, expected)


@pytest.mark.parametrize(("painted", "says"), [(2, False), (3, True)])
def test_a_hint_too_small_for_a_pixel_says_nothing(painted, says):
    hints = Image.new("RGBA", (70, 70))
    hints.paste((200, 100, 50, 255), (0, 0, painted, 1))
    square = letterbox.fit_square_rgba(hints, 10)
    assert square.any() == says
    if says:
        assert square[0, 0].tolist() == [200, 100, 50, 255]


def test_hints_are_read_with_their_transparency(tmp_path):
    Image.new("RGBA", (3, 3), (1, 2, 3, 77)).save(tmp_path / "hints.png")
    assert image_files.read_rgba(tmp_path / "hints.png").getpixel((0, 0)) == (1, 2, 3, 77)
    Image.new("RGB", (3, 3), (1, 2, 3)).save(tmp_path / "opaque.png")
    assert image_files.read_rgba(tmp_path / "opaque.png").getpixel((0, 0)) == (1, 2, 3, 255)
