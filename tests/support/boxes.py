"""A sketch of two boxes, and its colouring by a network that never errs."""

import numpy as np
from PIL import Image, ImageDraw

from s2c_jax.drawing import compositing, preparation

RED, BLUE = (220, 40, 30), (40, 60, 200)


def boxes(size, width):
    """Two boxes beside each other, drawn with smooth lines of `width` in a picture of `size`."""
    # Drawn four times as large, for lines that are not opaque at their edges.
    page = Image.new("RGB", (4 * size, 4 * size), "white")
    draw = ImageDraw.Draw(page)
    for left, right in ((0.1, 0.5), (0.5, 0.9)):
        corners = [4 * size * part for part in (left, 0.2, right, 0.8)]
        draw.rectangle(corners, outline="black", width=4 * width)
    return page.resize((size, size), Image.Resampling.BOX)


def network(square):
    """Colours as a network would: the left half red, the right blue, both within the lines."""
    side = len(square)
    colors = np.full((side, side, 3), 255.0)
    rows = slice(round(0.2 * side), round(0.8 * side))
    colors[rows, round(0.1 * side) : side // 2] = RED
    colors[rows, side // 2 : round(0.9 * side)] = BLUE
    return np.round(colors * (square / 255)).astype(np.uint8)


def composed(sketch, side=64):
    square = preparation.downscale_sketch(sketch, side)
    return compositing.split_layers(sketch, square, network(square))
