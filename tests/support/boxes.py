"""A sketch of two boxes, and its colouring by an ideal network."""

import numpy as np
from PIL import Image, ImageDraw

from s2c_jax.drawing import compositing, preparation

RED, BLUE = (220, 40, 30), (40, 60, 200)


def draw_boxes(size, line_width):
    """Draws two boxes beside each other, with antialiased lines."""
    # Antialias by drawing at four times the size, in grey to save memory.
    page = Image.new("L", (4 * size, 4 * size), 255)
    draw = ImageDraw.Draw(page)
    for left, right in ((0.1, 0.5), (0.5, 0.9)):
        corners = [4 * size * part for part in (left, 0.2, right, 0.8)]
        draw.rectangle(corners, outline=0, width=4 * line_width)
    return page.resize((size, size), Image.Resampling.BOX).convert("RGB")


def color_boxes(network_input):
    """Colours the left box red and the right box blue, multiplied by the sketch's lines."""
    side = len(network_input)
    colors = np.full((side, side, 3), 255.0)
    rows = slice(round(0.2 * side), round(0.8 * side))
    colors[rows, round(0.1 * side) : side // 2] = RED
    colors[rows, side // 2 : round(0.9 * side)] = BLUE
    return np.round(colors * (network_input / 255)).astype(np.uint8)


def layers_of(sketch, network=color_boxes, side=64):
    """Returns the layers of a sketch that `network` colours at `side` pixels."""
    network_input = preparation.downscale_sketch(sketch, side)
    return compositing.split_layers(sketch, network_input, network(network_input))
