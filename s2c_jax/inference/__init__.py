"""From a checkpoint, or a file of weights, to coloured pictures.

`Colorizer` is the one path from a sketch to a coloured picture: the commands, the page and programs
call it.
"""

from s2c_jax.inference.colorizer import Colorizer

__all__ = ["Colorizer"]
