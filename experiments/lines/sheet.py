"""Draws docs/lines.webp: what the extractors of lines draw, and the hands of lines.

python -m experiments.lines.sheet
"""

import random

import jax
import jax.numpy as jnp
import numpy as np
from PIL import Image

from s2c_jax.datasets.characters import pictures
from s2c_jax.datasets.openmoji_sketch import openmoji_sketch
from s2c_jax.datasets.svg import render
from s2c_jax.drawing import hands, lines

SIDE = 112
# Emoji by code point: two drawings with ink.
EMOJI = ("1F98A", "1F3F0")


def pairs() -> list[tuple[np.ndarray, np.ndarray]]:
    """Returns sketches and colour pictures, in [0, 255]."""
    drawn = [pictures.draw(random.Random(f"sheet {i}"), held_out=False) for i in range(5)]
    for name in EMOJI:
        svg = (openmoji_sketch.svg_folder() / f"{name}.svg").read_text()
        drawn.append((openmoji_sketch.outline(svg), svg))
    return [(render(sketch, SIDE), render(color, SIDE)) for sketch, color in drawn]


def main() -> None:
    """Writes the sheet: a row for each drawing."""
    rows = []
    for number, (sketch, color) in enumerate(pairs()):
        picture = jnp.asarray(color, jnp.float32) / 255
        row = [picture]
        for extractor in lines.EXTRACTORS.values():
            ink = extractor(picture, jnp.float32(0.8))
            row.append(jnp.repeat(1 - ink[..., None], 3, axis=-1))
        ink = 1 - jnp.asarray(sketch, jnp.float32).mean(axis=-1) / 255
        for column, name in enumerate(hands.HANDS):
            key = jax.random.key(100 * number + column)
            row.append(hands.sketch(key, ink, hands.draw_hand(key, (name,))))
        rows.append(np.concatenate([np.asarray(tile) for tile in row], axis=1))
    sheet = Image.fromarray(np.round(255 * np.concatenate(rows)).astype(np.uint8))
    sheet.save("docs/lines.webp", quality=80, method=6)
    print(f"docs/lines.webp: {sheet.width}x{sheet.height}")


if __name__ == "__main__":
    main()
