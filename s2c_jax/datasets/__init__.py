"""The data sets: TFDS builders, which importing this package registers, and the input pipeline."""

from s2c_jax.datasets.anime_sketch_colorization.anime_sketch_colorization import (
    AnimeSketchColorization,
)
from s2c_jax.datasets.characters.characters import Characters
from s2c_jax.datasets.color_pictures.color_pictures import ColorPictures
from s2c_jax.datasets.folder_pairs.folder_pairs import FolderPairs
from s2c_jax.datasets.openmoji_sketch.openmoji_sketch import OpenmojiSketch

NAMES = (
    Characters.name, OpenmojiSketch.name, AnimeSketchColorization.name, FolderPairs.name,
    ColorPictures.name,
)  # fmt: skip

__all__ = [
    "NAMES", "AnimeSketchColorization", "Characters", "ColorPictures", "FolderPairs",
    "OpenmojiSketch",
]  # fmt: skip
