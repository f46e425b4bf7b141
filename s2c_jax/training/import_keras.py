"""Begins a run with a generator that was trained in Keras."""

import dataclasses
from pathlib import Path

import jax
import ml_collections

from s2c_jax import checkpoint, distributed
from s2c_jax import config as config_lib
from s2c_jax.errors import UserError
from s2c_jax.pretrained.keras_generator import ArchitectureMismatch, read_generator
from s2c_jax.training.build import init_state
from s2c_jax.training.workdir import claim_workdir

# The settings of the Keras model's architecture.
_ARCHITECTURE = {"upsampling": "transposed", "hints": False, "palette": False}


def import_generator(
    path: Path, config: ml_collections.ConfigDict, workdir: Path, epsilon: float | None = None
) -> None:
    """Begins a run whose checkpoint at step 0 holds a generator from Keras.

    The discriminator and the optimisers' states are new. A moving average starts at the generator.

    Args:
        path: the Keras file, see `read_generator`.
        config: the run's settings; `generator.channels` must be those of the Keras model.
        workdir: the run's folder, without checkpoints.
        epsilon: see `read_generator`.

    Raises:
        UserError: a setting differs from the Keras model's, the file does not hold the model, or
            the workdir has checkpoints or cannot be written.
    """
    config_lib.validate(config, jax.device_count())
    for key, needed in _ARCHITECTURE.items():
        if config.generator[key] != needed:
            raise UserError(
                f"config.generator.{key} must be {needed!r} as in Keras's model: "
                "configs/sketch2color.py has its settings"
            )
    if checkpoint.all_steps(workdir):
        raise UserError(f"{workdir} holds checkpoints already: take another workdir")
    state = init_state(config)
    try:
        variables = read_generator(path, jax.device_get(state.generator.variables), epsilon)
    except ArchitectureMismatch as error:
        raise UserError(f"{error}: config.generator.channels must be the model's") from None
    variables = jax.device_put(variables, distributed.replicated_sharding())
    state = dataclasses.replace(
        state,
        generator=dataclasses.replace(state.generator, **variables),
        ema=None if state.ema is None else variables,
    )
    with (
        claim_workdir(config, workdir),
        checkpoint.open_manager(workdir, config.checkpoint.keep) as manager,
    ):
        checkpoint.save(manager, state)
