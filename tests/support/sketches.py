"""Sketches and hints to colour with runs that have learned little."""

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
