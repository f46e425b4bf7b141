"""The TFDS builders; importing this module registers them."""

from s2c_jax.datasets.folder_pairs.folder_pairs import FolderPairs
from s2c_jax.datasets.openmoji_sketch.openmoji_sketch import OpenmojiSketch

NAMES = (OpenmojiSketch.name, FolderPairs.name)

__all__ = ["NAMES", "FolderPairs", "OpenmojiSketch"]
