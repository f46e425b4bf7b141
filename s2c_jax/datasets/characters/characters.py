"""TFDS builder of pairs of drawn people, in several styles by several illustrators."""

import random
from pathlib import Path

import tensorflow_datasets as tfds
from PIL import Image

from s2c_jax.datasets import pairs
from s2c_jax.datasets.characters import figures
from s2c_jax.datasets.characters.colors import draw_background
from s2c_jax.datasets.svg import render
from s2c_jax.errors import needs

_DESCRIPTION = """\
Pairs of a sketch and its colouring: people that DiceBear assembles from the drawings of several
illustrators. A picture shows one to three people, of any size and a little turned, on white or now
and then on a colour. Skin, hair, eyes, lips and clothes have colours as people and anime have them,
and most people have a cel shadow. The sketch is the same drawing with white regions. In each style
a tenth of the hair styles and a tenth of the faces are in the validation split alone.
"""
# Pairs in the two splits.
_COUNTS = {"train": 8000, "validation": 400}
# The numbers of people in a picture, and how often each is drawn.
_PEOPLE = {1: 0.75, 2: 0.18, 3: 0.07}
# The side of a picture in the units of its SVG file.
_SIDE = 1000
# The share of pictures whose background is white paper.
_PAPER_SHARE = 0.85
# The standard deviation of a figure's turn, in degrees.
_TURN = 6.0


class Characters(pairs.PairsBuilder[str]):
    """Sketch and colour pairs of people, from the packages dicebear-core and dicebear-styles."""

    VERSION = tfds.core.Version("1.0.0")

    def _info(self) -> tfds.core.DatasetInfo:
        with needs("characters", self.name):
            licences = figures.licences()
        return self.pairs_info(
            description=_DESCRIPTION,
            homepage="https://www.dicebear.com",
            license="Drawings: " + "; ".join(licences.values()),
        )

    def find(self, manual_dir: Path | None) -> dict[str, dict[str, str]]:
        """Returns the names of the pairs, which are the seeds of their choices."""
        del manual_dir
        with needs("characters", self.name):
            import dicebear  # noqa: F401
            import resvg_py  # noqa: F401
        names = {split: [f"{split}_{i:05d}" for i in range(_COUNTS[split])] for split in _COUNTS}
        return {split: {name: name for name in names[split]} for split in names}

    def make(self, source: str) -> pairs.Example:
        """Draws the people of a pair."""
        sketch, color = draw(random.Random(source), held_out=source.startswith("validation"))
        size = self.builder_config.size
        return pairs.encode(
            sketch=Image.fromarray(render(sketch, size)),
            color=Image.fromarray(render(color, size)),
        )


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
