"""Inference in batches: what training's validation, evaluate and colorize share."""

import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, PyTree, UInt8, UInt32

from s2c_jax.inference.batching import batched
from s2c_jax.models.generator import Generator
from s2c_jax.models.ranges import normalize, normalize_rgba

Pictures = UInt8[np.ndarray, "batch height width 3"]


Hints = UInt8[np.ndarray, "batch height width 4"]


Palettes = UInt8[np.ndarray, "batch 4 4 4"]


Seeds = UInt32[np.ndarray, " batch"]


def make_generate(generator: Generator) -> Callable[..., Pictures]:
    """Returns inference with a generator.

    The same sketch gives the same picture whatever else is coloured with it: batch norm uses its
    running averages, and dropout is off or a picture's own.

    Args:
        generator: the generator.

    Returns:
        A function from the generator's variables, which lie `everywhere`, uint8 sketches, and for
        each of them what is to guide it: RGBA `hints`, RGBA `palettes` and `seeds`, each None where
        there are none, to uint8 colour pictures. A seed is that of the picture's own dropout.
    """

    @functools.cache
    def program(names: tuple[str, ...]) -> Callable[..., Pictures]:
        """Compiles what is needed for guidance of these kinds."""

        def compute(variables: PyTree, sketch: Array, *guidance: Array) -> Array:
            said = dict(zip(names, guidance, strict=True))
            color = generator.apply(
                variables,
                normalize(sketch),
                normalize_rgba(said["hints"]) if "hints" in said else None,
                normalize_rgba(said["palettes"]) if "palettes" in said else None,
                jax.vmap(jax.random.key)(said["seeds"]) if "seeds" in said else None,
                train=False,
            )
            return jnp.round((jnp.asarray(color) + 1) * 127.5).astype(jnp.uint8)

        return batched(compute)

    def generate(
        variables: PyTree,
        sketches: Pictures,
        hints: Hints | None = None,
        palettes: Palettes | None = None,
        seeds: Seeds | None = None,
    ) -> Pictures:
        guidance = {"hints": hints, "palettes": palettes, "seeds": seeds}
        said = {name: value for name, value in guidance.items() if value is not None}
        return program(tuple(said))(variables, sketches, *said.values())

    return generate
