"""Pictures as files: read in any mode, fitted to the network's square, laid out on sheets."""

import io
import warnings
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageDraw, ImageOps, UnidentifiedImageError

from s2c_jax import files
from s2c_jax.errors import UserError

FORMATS = ("PNG", "JPEG", "WEBP")
SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")
MAX_PIXELS = 4096 * 4096
WHITE = (255, 255, 255)
# The share of a pixel that must be painted for it to count as painted.
_PAINTED = 0.05


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


def fit_square(picture: Image.Image, size: int) -> Image.Image:
    """Scales a picture to fit a white square of side `size`, centred, aspect ratio kept."""
    box = fitted_box(picture.size, size)
    square = Image.new("RGB", (size, size), WHITE)
    inner = picture.resize((box[2] - box[0], box[3] - box[1]), Image.Resampling.LANCZOS)
    square.paste(inner, box[:2])
    return square


def fit_square_rgba(picture: Image.Image, size: int) -> UInt8[np.ndarray, "{size} {size} 4"]:
    """Scales an RGBA picture as `fit_square` does, so that a pixel says something or nothing.

    Returns:
        Where at least a twentieth of a pixel is painted, the mean colour of what is, with an alpha
        of 255; else zeros.
    """
    left, top, right, bottom = fitted_box(picture.size, size)
    levels = np.asarray(picture.convert("RGBA")).astype(np.float32)
    levels[..., :3] *= levels[..., 3:] / 255
    inner = np.stack(
        [
            np.asarray(
                Image.fromarray(level).resize((right - left, bottom - top), Image.Resampling.BOX)
            )
            for level in np.moveaxis(levels, -1, 0)
        ],
        axis=-1,
    )
    alpha = inner[..., 3:] / 255
    painted = alpha >= _PAINTED
    colors = np.round(inner[..., :3] / np.maximum(alpha, _PAINTED))
    square = np.zeros((size, size, 4), np.uint8)
    square[top:bottom, left:right] = np.where(
        painted, np.concatenate([colors, np.full_like(alpha, 255)], axis=-1), 0
    )
    return square


def fitted_box(size: tuple[int, int], side: int) -> tuple[int, int, int, int]:
    """Returns where a picture of (width, height) lies in the square: left, top, right, bottom."""
    longest = max(size)
    width, height = (max(1, round(length * side / longest)) for length in size)
    left, top = (side - width) // 2, (side - height) // 2
    return left, top, left + width, top + height


def sheet(
    columns: Sequence[np.ndarray], titles: Sequence[str], *, groups: int = 4, cell: int = 128
) -> Image.Image:
    """Lays pictures out side by side, one example after the other, `groups` examples a row.

    Args:
        columns: for each title its pictures, uint8 (examples, height, width, 3).
        titles: what stands above each column, such as sketch, coloured, truth.
        groups: examples in a row of the sheet.
        cell: the smallest side of a picture on the sheet; smaller ones are enlarged.
    """
    examples, side = len(columns[0]), columns[0].shape[1]
    groups = min(groups, examples)
    side *= -(-cell // side)
    gap, header = side // 16, 18
    group_width, row_height = len(columns) * side + gap, side + gap
    rows = -(-examples // groups)
    page = Image.new(
        "RGB", (groups * group_width + gap, header + rows * row_height + gap), (224, 224, 224)
    )
    draw = ImageDraw.Draw(page)
    for example in range(examples):
        row, group = divmod(example, groups)
        for column, (title, pictures) in enumerate(zip(titles, columns, strict=True)):
            left = gap + group * group_width + column * side
            if row == 0:
                place = (left + side / 2, (gap + header) / 2)
                draw.text(place, title, fill=(64, 64, 64), anchor="mm")
            picture = Image.fromarray(pictures[example])
            page.paste(
                picture.resize((side, side), Image.Resampling.BICUBIC),
                (left, header + gap + row * row_height),
            )
    return page
