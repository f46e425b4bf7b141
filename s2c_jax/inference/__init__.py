"""Inference: from a run's checkpoint to coloured pictures.

`Colorizer` is the one path from a sketch to a coloured picture. The commands, the web page and
Python programs use it.
"""

from s2c_jax.inference.colorizer import Colorizer

__all__ = ["Colorizer"]
