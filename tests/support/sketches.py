"""Sketches and hints to colour with runs that have learned little, and a file that is too large."""

import struct
import zlib

import numpy as np
from PIL import Image


def noise_sketch(width: int = 40, height: int = 30, seed: int = 0) -> Image.Image:
    """Returns black and white noise; a network of few steps draws something of noise alone."""
    levels = np.random.default_rng(seed).integers(0, 2, (height, width), np.uint8) * 255
    return Image.fromarray(levels).convert("RGB")


def half_painted_hints(
    size: tuple[int, int] = (40, 30), color: tuple[int, int, int, int] = (255, 0, 0, 255)
) -> Image.Image:
    """Returns hints that give the left half a colour."""
    hints = Image.new("RGBA", size)
    hints.paste(color, (0, 0, size[0] // 2, size[1]))
    return hints


def huge_png(width: int, height: int) -> bytes:
    """Returns a PNG file whose header claims a size that its data does not have."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        checksum = zlib.crc32(kind + data)
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", checksum)

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(b"\0")), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(kind, data) for kind, data in chunks)
