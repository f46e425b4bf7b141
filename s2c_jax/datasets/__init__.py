"""The TFDS builders; importing this module registers them."""

from s2c_jax.datasets.openmoji_sketch.openmoji_sketch import OpenmojiSketch

NAMES = ("openmoji_sketch",)

__all__ = ["NAMES", "OpenmojiSketch"]
