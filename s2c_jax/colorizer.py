"""The import path of `Colorizer` in earlier versions; new code imports `s2c_jax.inference`."""

from s2c_jax.inference.colorizer import Colorizer

__all__ = ["Colorizer"]
