"""Pictures as files: read in any mode, fitted to the network's square, laid out on sheets."""

import io
import warnings
import zlib
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from s2c_jax import files
from s2c_jax.errors import UserError

FORMATS = ("PNG", "JPEG", "WEBP")


SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")


MAX_PIXELS = 4096 * 4096


WHITE = (255, 255, 255)


def read(file: Path | io.BytesIO, name: str = "") -> Image.Image:
    """Reads a picture as RGB, upright, on white where it is transparent.

    Args:
        file: a PNG, JPEG or WebP picture in any mode.
        name: how messages call it; "" is its path.

    Raises:
        UserError: the file cannot be read, is no such picture, is damaged, or has more than
            `MAX_PIXELS` pixels (known from its header, before it is decoded).
    """
    return to_rgb(_read(file, name))


def read_rgba(file: Path | io.BytesIO, name: str = "") -> Image.Image:
    """Reads a picture as RGBA, upright; arguments and errors are those of `read`."""
    return _read(file, name).convert("RGBA")


def _read(file: Path | io.BytesIO, name: str) -> Image.Image:
    name = name or str(file)
    try:
        # Pillow warns of damage that it can live with, and of sizes that are refused right here.
        with warnings.catch_warnings(action="ignore"), Image.open(file, formats=FORMATS) as picture:
            width, height = picture.size
            if width * height > MAX_PIXELS:
                raise UserError(f"{name}: {width}x{height} pixels are more than 4096x4096")
            picture.load()
            return _upright(picture)
    except UnidentifiedImageError:
        raise UserError(f"{name}: not a PNG, JPEG or WebP picture") from None
    except Image.DecompressionBombError:
        raise UserError(f"{name}: claims far more than 4096x4096 pixels") from None
    except (OSError, SyntaxError, ValueError) as error:
        raise UserError(f"{name}: cannot be read ({error})") from None


def _upright(picture: Image.Image) -> Image.Image:
    """Follows the camera's orientation; if that is damaged, Pillow may raise anything."""
    try:
        return ImageOps.exif_transpose(picture)
    except Exception:
        return picture


def to_rgb(picture: Image.Image) -> Image.Image:
    """Converts a picture of any mode to RGB, on white where it is transparent."""
    if picture.mode.startswith("I"):
        # 16-bit grey: Pillow's own conversion clips at 255 instead of scaling.
        levels = np.asarray(picture)
        if "transparency" in picture.info:
            levels = np.where(levels == picture.info["transparency"], 65535, levels)
        return Image.fromarray((levels // 257).astype(np.uint8)).convert("RGB")
    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
        paper = Image.new("RGBA", picture.size, (*WHITE, 255))
        return Image.alpha_composite(paper, picture).convert("RGB")
    return picture.convert("RGB")


def decode_png(data: bytes) -> np.ndarray:
    """Decodes an RGB PNG to uint8 (height, width, 3)."""
    return np.asarray(Image.open(io.BytesIO(data), formats=("PNG",)).convert("RGB"))


def encode_png(picture: Image.Image) -> bytes:
    """Encodes a picture as PNG."""
    buffer = io.BytesIO()
    # For drawings more than twice as fast as Pillow's own level, and no larger: after PNG's filters
    # what repeats in them are single bytes.
    picture.save(buffer, "PNG", compress_level=1, compress_type=zlib.Z_RLE)
    return buffer.getvalue()


def write_png(picture: Image.Image, path: Path) -> None:
    """Writes a PNG file whole or not at all."""
    files.write_whole(path, encode_png(picture))
