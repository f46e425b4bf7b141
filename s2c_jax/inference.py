"""Inference in batches: what training's validation, evaluate and colorize share."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from jaxtyping import Array, PyTree, UInt8

from s2c_jax.augment import normalize
from s2c_jax.guidance import normalize_rgba
from s2c_jax.models.generator import Generator

Pictures = UInt8[np.ndarray, "batch height width 3"]
Hints = UInt8[np.ndarray, "batch height width 4"]
Palettes = UInt8[np.ndarray, "batch 4 4 4"]

# Of one device. A lone sketch pays for the padding, a folder for what a larger batch would save.
_DEVICE_BATCH = 8


def batch_size() -> int:
    """Returns how many pictures this process's devices compute at once."""
    return _DEVICE_BATCH * jax.local_device_count()


def everywhere() -> NamedSharding:
    """Returns how variables lie: whole, on each of this process's devices."""
    return NamedSharding(_mesh(), PartitionSpec())


def in_batches(compute: Callable[..., Array]) -> Callable[..., np.ndarray]:
    """Returns a function of any number of pictures, spread over this process's devices.

    A device always computes equally many pictures, black ones where there are no more: so a size
    is compiled once, and a picture's result depends neither on the others nor on the devices.

    Args:
        compute: a function of variables and one or more batches of pictures that belong together.
            A row of what it returns depends on that row of the pictures alone.

    Returns:
        A function of the variables, which lie `everywhere`, and the pictures, to the rows.
    """
    rows = PartitionSpec("batch")
    spread = jax.jit(
        jax.shard_map(
            lambda variables, pictures: compute(variables, *pictures),
            mesh=_mesh(),
            in_specs=(PartitionSpec(), rows),
            out_specs=rows,
        )
    )

    def computed(variables: PyTree, *pictures: UInt8[np.ndarray, "batch _ _ _"]) -> np.ndarray:
        results = []
        for start in range(0, len(pictures[0]), batch_size()):
            parts = tuple(kind[start : start + batch_size()] for kind in pictures)
            count = len(parts[0])
            missing = [(0, batch_size() - count), (0, 0), (0, 0), (0, 0)]
            padded = tuple(np.pad(part, missing) for part in parts)
            results.append(np.asarray(spread(variables, padded))[:count])
        return np.concatenate(results)

    return computed


def make_generate(generator: Generator) -> Callable[..., Pictures]:
    """Returns inference with a generator.

    The same sketch gives the same picture whatever else is coloured with it: batch norm uses its
    running averages and dropout is off.

    Args:
        generator: the generator.

    Returns:
        A function from the generator's variables, which lie `everywhere`, uint8 sketches, and RGBA
        `hints` and `palettes` for them, each None where there are none, to uint8 colour pictures.
    """

    def computed(variables: PyTree, sketch: Array, *guidance: Array) -> Array:
        said = iter(guidance)
        taken = [
            normalize_rgba(next(said)) if takes and guidance else None
            for takes in (generator.hints, generator.palette)
        ]
        color = jnp.asarray(generator.apply(variables, normalize(sketch), *taken, train=False))
        return jnp.round((color + 1) * 127.5).astype(jnp.uint8)

    spread = in_batches(computed)

    def generate(
        variables: PyTree,
        sketches: Pictures,
        hints: Hints | None = None,
        palettes: Palettes | None = None,
    ) -> Pictures:
        for name, given, takes in (
            ("hints", hints, generator.hints),
            ("palettes", palettes, generator.palette),
        ):
            if given is not None and not takes:
                raise ValueError(f"this generator takes no {name}")
        if hints is None and palettes is None:
            return spread(variables, sketches)
        # Where one of the two is missing, nothing is said: that makes one program, not three.
        guidance = []
        if generator.hints:
            nothing = np.zeros((*sketches.shape[:3], 4), np.uint8)
            guidance.append(nothing if hints is None else hints)
        if generator.palette:
            unsaid = np.zeros((len(sketches), 4, 4, 4), np.uint8)
            guidance.append(unsaid if palettes is None else palettes)
        return spread(variables, sketches, *guidance)

    return generate


def _mesh() -> Mesh:
    return Mesh(np.array(jax.local_devices()), ("batch",))
