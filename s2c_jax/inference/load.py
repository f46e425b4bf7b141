"""Loads a run's generator from a checkpoint."""

import functools
from pathlib import Path
from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import PyTree
from ml_collections import ConfigDict

from s2c_jax import checkpoint
from s2c_jax import config as config_lib
from s2c_jax.models.generator import Generator


class TrainedGenerator(NamedTuple):
    """A generator, its run's settings, and the variables of a checkpoint's step, on the host."""

    config: ConfigDict
    generator: Generator
    step: int
    variables: PyTree


def load_generator(workdir: Path, step: int | str) -> TrainedGenerator:
    """Loads a run's generator from the checkpoint that `checkpoint.resolve_step` chooses.

    The parameters are the averaged ones if the run averages them.

    Raises:
        UserError: the run or the checkpoint does not exist.
    """
    config = config_lib.load(workdir / "config.json")
    generator = Generator(**config.generator)
    sketch = jax.ShapeDtypeStruct((1, config.image_size, config.image_size, 3), np.float32)
    init = functools.partial(generator.init, train=False)
    shapes = jax.eval_shape(init, jax.random.key(0), sketch)
    step, variables = checkpoint.restore_generator(
        workdir, shapes, step, averaged=config.optimizer.ema_decay > 0
    )
    return TrainedGenerator(config, generator, step, variables)
