"""Image files: reads any mode as upright RGB on white paper, and writes PNG."""

import io
import warnings
import zlib
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageOps, UnidentifiedImageError

from s2c_jax import files
from s2c_jax.errors import UserError, naming

# The formats that are read, as Pillow names them, and the suffixes of their files.
FORMATS = ("PNG", "JPEG", "WEBP")
SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")
_MAX_SIDE = 4096
# Largest picture, in pixels. It bounds the memory and the time that one sketch takes.
MAX_PIXELS = _MAX_SIDE**2
# Largest file that the web pages take, in bytes.
MAX_FILE_BYTES = 32 * 2**20


def read(file: Path | io.BytesIO, name: str = "") -> Image.Image:
    """Reads an image file as upright RGB; transparent parts become white paper.

    Error messages call the file by `name`, or by its path if there is no name.

    Raises:
        UserError: the file is missing, damaged or in another format, or has more than `MAX_PIXELS`
            pixels. The size is checked in the header, before anything is decoded.
    """
    return to_rgb(_read(file, name))


def read_rgba(file: Path | io.BytesIO, name: str = "") -> Image.Image:
    """Reads an image file as upright RGBA; arguments and errors are those of `read`."""
    return _read(file, name).convert("RGBA")


def to_rgb(picture: Image.Image) -> Image.Image:
    """Converts a picture of any mode to RGB; transparent parts become white paper."""
    if picture.mode.startswith("I"):
        # 16-bit grey: Pillow's own conversion clips at 255 instead of scaling.
        levels = np.asarray(picture)
        if "transparency" in picture.info:
            levels = np.where(levels == picture.info["transparency"], 65535, levels)
        return Image.fromarray((levels // 257).astype(np.uint8)).convert("RGB")
    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
        paper = Image.new("RGBA", picture.size, "white")
        return Image.alpha_composite(paper, picture).convert("RGB")
    return picture.convert("RGB")


def check_size(picture: Image.Image) -> None:
    """Raises a `UserError` if a picture has more than `MAX_PIXELS` pixels."""
    if picture.width * picture.height > MAX_PIXELS:
        raise UserError(
            f"{picture.width}x{picture.height} pixels are more than {_MAX_SIDE}x{_MAX_SIDE}"
        )


def decode_png(data: bytes) -> UInt8[np.ndarray, "height width 3"]:
    """Decodes a PNG to an RGB array with levels in [0, 255]."""
    return np.asarray(Image.open(io.BytesIO(data), formats=("PNG",)).convert("RGB"))


def encode_png(picture: Image.Image) -> bytes:
    """Encodes a picture as PNG."""
    buffer = io.BytesIO()
    # Run-length encoding is more than twice as fast as Pillow's default on drawings, and the files
    # are no larger: PNG's filters turn flat areas into runs of one byte.
    picture.save(buffer, "PNG", compress_level=1, compress_type=zlib.Z_RLE)
    return buffer.getvalue()


def write_png(picture: Image.Image, path: Path) -> None:
    """Writes a PNG file whole or not at all."""
    files.write_whole(path, encode_png(picture))


def _read(file: Path | io.BytesIO, name: str) -> Image.Image:
    """Decodes a file in its own mode, upright; arguments and errors are those of `read`."""
    name = name or str(file)
    try:
        # Ignore Pillow's warnings: they concern harmless damage, and sizes that are refused below.
        with warnings.catch_warnings(action="ignore"), Image.open(file, formats=FORMATS) as picture:
            with naming(name):
                check_size(picture)
            picture.load()
            return _upright(picture)
    except UnidentifiedImageError:
        raise UserError(f"{name}: not a PNG, JPEG or WebP picture") from None
    except Image.DecompressionBombError:
        # Pillow refuses such headers itself and does not tell the size.
        raise UserError(f"{name}: has more than {_MAX_SIDE}x{_MAX_SIDE} pixels") from None
    except (OSError, SyntaxError, ValueError) as error:
        raise UserError(f"{name}: cannot be read ({error})") from None


def _upright(picture: Image.Image) -> Image.Image:
    """Rotates a photograph as its EXIF orientation says."""
    try:
        return ImageOps.exif_transpose(picture)
    except Exception:
        # Damaged EXIF data makes Pillow raise exceptions of many kinds; the picture itself is fine.
        return picture
