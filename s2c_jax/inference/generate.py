"""Inference with a generator in JAX: uint8 sketches in, uint8 colour pictures out."""

import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, PyTree, UInt8, UInt32

from s2c_jax.inference.batching import batched
from s2c_jax.models.generator import Generator
from s2c_jax.models.ranges import normalize, normalize_rgba, to_levels

UInt8Pictures = UInt8[np.ndarray, "batch height width 3"]
UInt8Hints = UInt8[np.ndarray, "batch height width 4"]
UInt8Palettes = UInt8[np.ndarray, "batch 4 4 4"]
UInt32Seeds = UInt32[np.ndarray, " batch"]


def make_generate(generator: Generator) -> Callable[..., UInt8Pictures]:
    """Returns inference with a generator.

    A sketch's picture does not depend on the other sketches of its batch: batch norm uses its
    running averages, and dropout is off or has a seed for each picture.

    Returns:
        A function that colours any number of sketches of the network's size:

        - variables: the network's, placed with `replicated_sharding`
        - sketches: RGB in [0, 255]
        - hints: for each sketch a picture, RGBA with an alpha of 0 or 255; or None
        - palettes: for each sketch a palette, see `palette.RgbaPalette`; or None
        - seeds: for each sketch the seed of its dropout; None turns dropout off
    """

    @functools.cache
    def compiled(kinds: tuple[str, ...]) -> Callable[..., UInt8Pictures]:
        """Returns the program for these kinds of guidance: hints, palettes, seeds."""
        return batched(functools.partial(_colorize_batch, generator, kinds))

    def generate(
        variables: PyTree,
        sketches: UInt8Pictures,
        hints: UInt8Hints | None = None,
        palettes: UInt8Palettes | None = None,
        seeds: UInt32Seeds | None = None,
    ) -> UInt8Pictures:
        kinds = {"hints": hints, "palettes": palettes, "seeds": seeds}
        guidance = {kind: batch for kind, batch in kinds.items() if batch is not None}
        return compiled(tuple(guidance))(variables, sketches, *guidance.values())

    return generate


def _colorize_batch(
    generator: Generator,
    kinds: tuple[str, ...],
    variables: PyTree,
    sketch: UInt8[Array, "batch height width 3"],
    *guidance: Array,
) -> UInt8[Array, "batch height width 3"]:
    """Applies a generator to one batch; `kinds` names the arrays of `guidance`."""
    arrays = dict(zip(kinds, guidance, strict=True))
    color = generator.apply(
        variables,
        normalize(sketch),
        normalize_rgba(arrays["hints"]) if "hints" in arrays else None,
        normalize_rgba(arrays["palettes"]) if "palettes" in arrays else None,
        jax.vmap(jax.random.key)(arrays["seeds"]) if "seeds" in arrays else None,
        train=False,
    )
    return to_levels(jnp.asarray(color))
