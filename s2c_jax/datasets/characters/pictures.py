"""Pictures of one to three people: places the figures, and renders sketch and colour picture."""

import random

import numpy as np
from jaxtyping import UInt8

from s2c_jax.datasets.characters import figures
from s2c_jax.datasets.characters.colors import draw_background
from s2c_jax.datasets.svg import render

Picture = UInt8[np.ndarray, "size size 3"]

# The numbers of people in a picture, and how often each is drawn.
_PEOPLE = {1: 0.75, 2: 0.18, 3: 0.07}
# The side of a picture in the units of its SVG file.
_SIDE = 1000
# The share of pictures whose background is white paper.
_PAPER_SHARE = 0.85
# The standard deviation of a figure's turn, in degrees.
_TURN = 6.0


def draw_pair(name: str, size: int) -> tuple[Picture, Picture]:
    """Draws a pair: the sketch and the colour picture, in [0, 255].

    Args:
        name: the source of all choices. People of names that begin with "validation" have the hair
            styles and faces that are held out.
        size: the side of the pictures, in pixels.
    """
    sketch, color = draw(random.Random(name), held_out=name.startswith("validation"))
    return render(sketch, size), render(color, size)


def draw(rng: random.Random, *, held_out: bool) -> tuple[str, str]:
    """Draws one to three people; returns the SVG files of the sketch and of the colour picture."""
    (count,) = rng.choices(list(_PEOPLE), list(_PEOPLE.values()))
    background = "#ffffff" if rng.random() < _PAPER_SHARE else draw_background(rng)
    sketch, color = "", ""
    for number in range(count):
        figure = figures.draw_figure(rng, f"f{number}", held_out=held_out)
        place = _place(rng, figure, number, count)
        sketch += f'<g fill="none" transform="{place}">{figure.sketch}</g>'
        color += f'<g fill="none" transform="{place}">{figure.color}</g>'
    return _picture("#ffffff", sketch), _picture(background, color)


def _place(rng: random.Random, figure: figures.Figure, number: int, count: int) -> str:
    """Returns the transformation of a figure's own coordinates into the picture's."""
    size = rng.uniform(0.8, 1.3) if count == 1 else rng.uniform(0.45, 0.75)
    x = (number + 0.5) / count + rng.gauss(0, 0.05)
    # The picture's lower edge cuts a bust: its straight end must not show within the picture.
    y = 1.02 - size / 2 + abs(rng.gauss(0, 0.06)) if figure.is_bust else 0.5 + rng.gauss(0, 0.06)
    scale = size * _SIDE / figure.side
    mirrored = rng.choice((-scale, scale))
    return (
        f"translate({x * _SIDE:.1f} {y * _SIDE:.1f}) rotate({rng.gauss(0, _TURN):.1f}) "
        f"scale({mirrored:.5f} {scale:.5f}) translate({-figure.side / 2} {-figure.side / 2})"
    )


def _picture(background: str, contents: str) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_SIDE} {_SIDE}">'
        f'<rect width="{_SIDE}" height="{_SIDE}" fill="{background}"/>{contents}</svg>'
    )
