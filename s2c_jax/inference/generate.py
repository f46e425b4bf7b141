"""Inference with a generator in JAX: uint8 sketches in, uint8 colour pictures out."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PyTree, UInt8, UInt32

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

    def colorize(
        variables: PyTree,
        sketch: UInt8[Array, "batch height width 3"],
        hints: UInt8[Array, "batch height width 4"] | None = None,
        palettes: UInt8[Array, "batch 4 4 4"] | None = None,
        seeds: UInt32[Array, " batch"] | None = None,
    ) -> UInt8[Array, "batch height width 3"]:
        color = generator.apply(
            variables,
            normalize(sketch),
            None if hints is None else normalize_rgba(hints),
            None if palettes is None else normalize_rgba(palettes),
            None if seeds is None else jax.vmap(jax.random.key)(seeds),
            train=False,
        )
        return to_levels(jnp.asarray(color))

    return batched(colorize)


def network_inputs(generator: Generator) -> dict[str, tuple[int | str, ...]]:
    """Returns the names and shapes of a generator's inputs; free sizes are symbolic names."""
    multiple = 2 ** len(generator.channels)
    sides = ("batch", f"{multiple}*height", f"{multiple}*width")
    inputs: dict[str, tuple[int | str, ...]] = {"sketch": (*sides, 3)}
    if generator.hints:
        inputs["hints"] = (*sides, 4)
    if generator.palette:
        inputs["palette"] = ("batch", 4, 4, 4)
    return inputs


def inference_function(
    generator: Generator, variables: PyTree
) -> Callable[..., Float[Array, "batch height width 3"]]:
    """Returns inference as a function of float32 arrays alone, which exporters can trace.

    Returns:
        A function of the arrays of `network_inputs`, in that order, to RGB in [-1, 1]. The
        variables are its constants.
    """
    names, variables = list(network_inputs(generator)), jax.tree.map(jnp.asarray, variables)

    def color(sketch: Array, *guidance: Array) -> Array:
        arrays = dict(zip(names[1:], guidance, strict=True))
        hints, palette = arrays.get("hints"), arrays.get("palette")
        return jnp.asarray(generator.apply(variables, sketch, hints, palette, train=False))

    return color
