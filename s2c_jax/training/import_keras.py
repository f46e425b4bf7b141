"""Begins a run from a generator that was trained in Keras."""

import dataclasses
from pathlib import Path

import jax
import ml_collections

from s2c_jax import checkpoint
from s2c_jax import config as config_lib
from s2c_jax.errors import UserError
from s2c_jax.pretrained.keras_generator import read_generator
from s2c_jax.training.build import init_state
from s2c_jax.training.workdir import claim_workdir


def import_generator(
    path: Path, config: ml_collections.ConfigDict, workdir: Path, epsilon: float | None = None
) -> None:
    """Makes `workdir` the run of a generator from Keras, at step 0.

    Args:
        path: see `read_generator`.
        config: the run's settings; `generator.channels` must be those of the model.
        workdir: a folder that holds no checkpoint yet.
        epsilon: see `read_generator`.

    Raises:
        UserError: the file does not hold such a generator, or the workdir is taken.
    """
    config_lib.validate(config, jax.device_count())
    for key, needed in (("upsampling", "transposed"), ("hints", False), ("palette", False)):
        if config.generator[key] != needed:
            raise UserError(
                f"config.generator.{key} must be {needed!r} as in Keras's model: "
                "configs/sketch2color.py has all that it needs"
            )
    if checkpoint.all_steps(workdir):
        raise UserError(f"--workdir {workdir} holds checkpoints already: take another")
    state = init_state(config)
    variables = read_generator(path, jax.device_get(state.generator.variables), epsilon)
    place = jax.tree.map(lambda leaf: leaf.sharding, state.generator.variables)
    state = dataclasses.replace(
        state,
        generator=dataclasses.replace(state.generator, **jax.device_put(variables, place)),
        ema=None if state.ema is None else jax.device_put(variables, place),
    )
    with (
        claim_workdir(config, workdir),
        checkpoint.open_manager(workdir, config.checkpoint.keep) as manager,
    ):
        checkpoint.save_initial(manager, state)
