"""The data sets: TFDS builders, which importing this package registers, and the input pipeline."""

from s2c_jax.datasets.anime_sketch_colorization.anime_sketch_colorization import (
    AnimeSketchColorization,
)
from s2c_jax.datasets.folder_pairs.folder_pairs import FolderPairs
from s2c_jax.datasets.openmoji_sketch.openmoji_sketch import OpenmojiSketch

NAMES = (OpenmojiSketch.name, AnimeSketchColorization.name, FolderPairs.name)

__all__ = ["NAMES", "AnimeSketchColorization", "FolderPairs", "OpenmojiSketch"]
