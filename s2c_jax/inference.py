"""Inference with a trained generator: what training's validation and colorize share."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, PyTree, UInt8

from s2c_jax.augment import normalize
from s2c_jax.models.generator import Generator

Pictures = UInt8[np.ndarray, "batch height width 3"]

# A lone sketch pays for the padding, a folder for what a larger batch would save.
BATCH_SIZE = 8


def make_generate(generator: Generator) -> Callable[[PyTree, Pictures], Pictures]:
    """Returns inference in batches of one shape, so that it compiles once for a size.

    The same sketch gives the same picture whatever else is in the batch: batch norm uses its
    running averages and dropout is off.

    Args:
        generator: the generator.

    Returns:
        A function from the generator's variables and uint8 sketches to uint8 colour pictures.
    """

    @jax.jit
    def batch(variables: PyTree, sketch: UInt8[Array, "batch height width 3"]) -> Array:
        color = jnp.asarray(generator.apply(variables, normalize(sketch), train=False))
        return jnp.round((color + 1) * 127.5).astype(jnp.uint8)

    def generate(variables: PyTree, sketches: Pictures) -> Pictures:
        colored = np.empty_like(sketches)
        for start in range(0, len(sketches), BATCH_SIZE):
            part = sketches[start : start + BATCH_SIZE]
            padded = np.pad(part, [(0, BATCH_SIZE - len(part)), (0, 0), (0, 0), (0, 0)])
            colored[start : start + len(part)] = np.asarray(batch(variables, padded))[: len(part)]
        return colored

    return generate
