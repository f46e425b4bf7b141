"""Inference in batches: what training's validation, evaluate and colorize share."""

import argparse
import functools
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from jaxtyping import Array, PyTree, Shaped, UInt8, UInt32
from ml_collections import ConfigDict

from s2c_jax import checkpoint
from s2c_jax import config as config_lib
from s2c_jax.augment import normalize
from s2c_jax.guidance import normalize_rgba
from s2c_jax.models.generator import Generator

Pictures = UInt8[np.ndarray, "batch height width 3"]
Hints = UInt8[np.ndarray, "batch height width 4"]
Palettes = UInt8[np.ndarray, "batch 4 4 4"]
Seeds = UInt32[np.ndarray, " batch"]

# Of one device. A lone sketch pays for the padding, a folder for what a larger batch would save.
_DEVICE_BATCH = 8


class TrainedGenerator(NamedTuple):
    """A generator and what training made of it.

    Attributes:
        config: the run's settings.
        generator: the network.
        step: the checkpoint's.
        variables: the collections "params" and "batch_stats", on the host.
    """

    config: ConfigDict
    generator: Generator
    step: int
    variables: PyTree


def load_generator(workdir: Path, step: int | str) -> TrainedGenerator:
    """Loads the generator that colours from a run's checkpoint.

    Args:
        workdir: the run's.
        step: which checkpoint: its step, "last" or "best" (see `checkpoint.find`).

    Raises:
        UserError: there is no such run or checkpoint.
    """
    config = config_lib.load(workdir / "config.json")
    generator = Generator(**config.generator)
    sketch = jax.ShapeDtypeStruct((1, config.image_size, config.image_size, 3), np.float32)
    shapes = jax.eval_shape(
        lambda key, sketch: generator.init(key, sketch, train=False), jax.random.key(0), sketch
    )
    step, variables = checkpoint.restore_generator(
        workdir, shapes, step, averaged=config.optimizer.ema_decay > 0
    )
    return TrainedGenerator(config, generator, step, variables)


def step_argument(text: str) -> int | str:
    """Reads --step: a number, "last" or "best"."""
    if text in ("last", "best"):
        return text
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no step, last or best") from None


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
        compute: a function of variables and one or more batches that belong together.
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

    def computed(variables: PyTree, *pictures: Shaped[np.ndarray, "batch ..."]) -> np.ndarray:
        results = []
        for start in range(0, len(pictures[0]), batch_size()):
            parts = tuple(kind[start : start + batch_size()] for kind in pictures)
            count = len(parts[0])
            padded = tuple(
                np.pad(part, [(0, batch_size() - count)] + [(0, 0)] * (part.ndim - 1))
                for part in parts
            )
            results.append(np.asarray(spread(variables, padded))[:count])
        return np.concatenate(results)

    return computed


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

        return in_batches(compute)

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


def _mesh() -> Mesh:
    return Mesh(np.array(jax.local_devices()), ("batch",))
