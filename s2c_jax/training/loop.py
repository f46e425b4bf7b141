"""The training loop: data, step, report, validation, checkpoint."""

import contextlib
import functools
import signal
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import UInt8
from ml_collections import ConfigDict

from s2c_jax import checkpoint, distributed, runtime
from s2c_jax import config as config_lib
from s2c_jax.datasets import input_pipeline
from s2c_jax.datasets.pairs import PairSource
from s2c_jax.evaluation.scoring import score
from s2c_jax.inference.generate import make_generate
from s2c_jax.models.generator import Generator
from s2c_jax.pretrained import vgg16
from s2c_jax.training.build import compile_step, init_state, load_vgg
from s2c_jax.training.report import Report
from s2c_jax.training.state import TrainState
from s2c_jax.training.stopping import stop_on_signals
from s2c_jax.training.workdir import claim_workdir


def train_and_evaluate(config: ConfigDict, workdir: Path) -> signal.Signals | None:
    """Trains, or goes on from the last sound checkpoint in `workdir`.

    SIGTERM and SIGINT stop training after the current step, or after the end of the epoch if the
    step is its last, with a checkpoint.

    Args:
        config: see `config.default_config`.
        workdir: the run's folder: config.json, checkpoints/, samples/, tensorboard/.

    Returns:
        The signal that stopped the run, or None if it came to its end.

    Raises:
        UserError: a setting, the data or the workdir is wrong, or another process trains in it;
            nothing in it has been changed. Or a step's gradient was not finite, or a checkpoint
            cannot be written; the checkpoints before it stay.
    """
    config_lib.validate(config, jax.device_count())
    train_source, validation_source = (
        input_pipeline.open_split(
            config.dataset.name, config.image_size, split, config.dataset.data_dir
        )
        for split in ("train", "validation")
    )
    steps_per_epoch = input_pipeline.steps_per_epoch(train_source, config.batch_size)
    vgg = load_vgg(config)
    with claim_workdir(config, workdir):
        return _train(config, workdir, train_source, validation_source, steps_per_epoch, vgg)


class Schedule(NamedTuple):
    """Which steps, counted from 1, end an epoch, are validated and are checkpointed.

    Attributes:
        last_step: the step at which the run ends.
        steps_per_epoch: the number of steps of an epoch.
        validate_every: epochs between validations.
        checkpoint_every: epochs between checkpoints.
    """

    last_step: int
    steps_per_epoch: int
    validate_every: int
    checkpoint_every: int

    def ends_epoch(self, step: int) -> bool:
        """Returns whether an epoch ends with a step."""
        return step % self.steps_per_epoch == 0

    def checkpoints(self, step: int) -> bool:
        """Returns whether a step is followed by a checkpoint: the run's last one always is."""
        return step == self.last_step or self._every(self.checkpoint_every, step)

    def validates(self, step: int) -> bool:
        """Returns whether a step is followed by a validation: a checkpointed one always is."""
        return self.checkpoints(step) or self._every(self.validate_every, step)

    def _every(self, epochs: int, step: int) -> bool:
        return step % (epochs * self.steps_per_epoch) == 0


def _schedule(config: ConfigDict, steps_per_epoch: int) -> Schedule:
    last_step = config.num_epochs * steps_per_epoch
    return Schedule(
        last_step=min(last_step, config.max_steps) if config.max_steps else last_step,
        steps_per_epoch=steps_per_epoch,
        validate_every=config.validation.every_epochs,
        checkpoint_every=config.checkpoint.every_epochs,
    )


class _Validation:
    """Colours the validation pairs as whoever loads a checkpoint does: in float32.

    Attributes:
        source: the validation pairs.
        num_pairs: how many of them are measured, from the first on.
        samples: the fixed pairs whose colourings are shown after every epoch.
    """

    def __init__(self, config: ConfigDict, source: PairSource) -> None:
        self.source, self.num_pairs = source, config.validation.num_pairs
        self.samples = input_pipeline.read_pairs(source, range(config.validation.num_samples))
        self._generate: Callable[..., UInt8[np.ndarray, "batch height width 3"]] = make_generate(
            Generator(**config.generator)
        )

    def measure(self, state: TrainState) -> dict[str, float]:
        """Returns the metrics of the generator that colours."""
        colorize = functools.partial(self._generate, state.colorizer)
        return score(colorize, self.source, self.num_pairs).metrics

    def columns(self, state: TrainState) -> dict[str, UInt8[np.ndarray, "count height width 3"]]:
        """Returns the samples: sketches, their colourings, and the truth."""
        return {
            "sketch": self.samples["sketch"],
            "coloured": self._generate(state.colorizer, self.samples["sketch"]),
            "truth": self.samples["color"],
        }


def _train(
    config: ConfigDict,
    workdir: Path,
    train_source: PairSource,
    validation_source: PairSource,
    steps_per_epoch: int,
    vgg: vgg16.Vgg16 | None,
) -> signal.Signals | None:
    train_step = compile_step(config, vgg)
    state = init_state(config)
    validation = _Validation(config, validation_source)
    batches = input_pipeline.train_batches(
        train_source,
        batch_size=config.batch_size,
        seed=config.seed,
        num_threads=config.dataset.num_threads,
    )
    schedule = _schedule(config, steps_per_epoch)
    with (
        # Signals are handled until the last checkpoint is written.
        stop_on_signals() as stop,
        contextlib.closing(batches),
        checkpoint.open_manager(workdir, config.checkpoint.keep) as manager,
    ):
        state = checkpoint.restore_latest(manager, state, batches, len(train_source))
        first_step = int(state.step)
        if first_step >= schedule.last_step:
            _say_nothing_is_left(workdir, first_step, schedule.last_step)
            return None
        with Report(
            workdir,
            first_step,
            schedule.last_step,
            steps_per_epoch,
            config.batch_size,
            skip_not_finite=config.optimizer.skip_not_finite,
        ) as report:
            for step in range(first_step + 1, schedule.last_step + 1):
                with report.waiting():
                    batch = next(batches)
                state, losses = train_step(step, state, batch)
                report.log_step(step, losses)
                metrics: dict[str, float] = {}
                if schedule.validates(step):
                    # Drain first, so that validation is not timed as training.
                    report.drain()
                    metrics = validation.measure(state)
                if schedule.ends_epoch(step):
                    epoch = step // steps_per_epoch
                    report.log_epoch(epoch, metrics)
                    report.log_images(epoch, validation.columns(state))
                stopped = stop.after(step)
                if stopped or schedule.checkpoints(step):
                    report.drain()
                    checkpoint.save(manager, state, batches, len(train_source), metrics)
                if schedule.ends_epoch(step):
                    # Validation allocated blocks of other sizes, which leave holes in the heap.
                    runtime.trim_heap()
                if stopped and step < schedule.last_step:
                    return stopped
            return None


def _say_nothing_is_left(workdir: Path, step: int, last_step: int) -> None:
    if distributed.is_primary():
        print(f"{workdir} is at step {step} of {last_step}: there is nothing left to do")
