"""Inference with a trained generator: what training's validation and colorize share."""

import functools
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
        return in_batches(functools.partial(batch, variables), sketches)

    return generate


def in_batches(compute: Callable[..., Array], *pictures: Pictures) -> np.ndarray:
    """Computes something of each picture, or of pictures that belong together.

    Args:
        compute: a function of `BATCH_SIZE` pictures, whose results have as many rows. It always
            gets that many, the last ones black where there are no more, so that it compiles once.
        pictures: at least one, and of each kind as many.
    """
    rows = []
    for start in range(0, len(pictures[0]), BATCH_SIZE):
        parts = [kind[start : start + BATCH_SIZE] for kind in pictures]
        count = len(parts[0])
        missing = [(0, BATCH_SIZE - count), (0, 0), (0, 0), (0, 0)]
        rows.append(np.asarray(compute(*(np.pad(part, missing) for part in parts)))[:count])
    return np.concatenate(rows)
