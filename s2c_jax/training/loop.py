"""The training loop: data, step, report, validation, checkpoint."""

import contextlib
import functools
import signal
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
    """Trains, from the last sound checkpoint in `workdir` if there is one.

    SIGTERM and SIGINT save a checkpoint after the current step and end training.

    Args:
        config: see `config.default_config`.
        workdir: the run's folder: config.json, checkpoints/, samples/, tensorboard/.

    Returns:
        The signal that stopped the run, or None if it came to its end.

    Raises:
        UserError: a setting, the data or the workdir is wrong, or another process trains in the
            workdir, which is left unchanged. Or a step's gradient is not finite, or a checkpoint
            cannot be written; earlier checkpoints stay.
    """
    config_lib.validate(config, jax.device_count())
    train_source, validation_source = (
        input_pipeline.open_split(
            config.dataset.name, config.image_size, split, config.dataset.data_dir
        )
        for split in ("train", "validation")
    )
    schedule = _schedule(config, input_pipeline.steps_per_epoch(train_source, config.batch_size))
    vgg = load_vgg(config)
    with claim_workdir(config, workdir):
        return _train(config, workdir, train_source, validation_source, schedule, vgg)


class Schedule(NamedTuple):
    """Says which steps, counted from 1, end an epoch, and which a validation or checkpoint follows.

    All attributes are numbers of steps.
    """

    last_step: int
    steps_per_epoch: int
    validate_every: int
    checkpoint_every: int

    def ends_epoch(self, step: int) -> bool:
        """Returns whether a step is the last of an epoch."""
        return step % self.steps_per_epoch == 0

    def checkpoints(self, step: int) -> bool:
        """Returns whether a checkpoint follows a step; one always follows the last step."""
        return step == self.last_step or step % self.checkpoint_every == 0

    def validates(self, step: int) -> bool:
        """Returns whether a validation follows a step; one precedes every checkpoint."""
        return self.checkpoints(step) or step % self.validate_every == 0


def _schedule(config: ConfigDict, steps_per_epoch: int) -> Schedule:
    last_step = config.num_epochs * steps_per_epoch
    return Schedule(
        last_step=min(last_step, config.max_steps) if config.max_steps else last_step,
        steps_per_epoch=steps_per_epoch,
        validate_every=config.validation.every_epochs * steps_per_epoch,
        checkpoint_every=config.checkpoint.every_epochs * steps_per_epoch,
    )


class _Validation:
    """Colours validation pairs in float32, as the commands that load a checkpoint do."""

    def __init__(self, config: ConfigDict, source: PairSource) -> None:
        self._source, self._num_pairs = source, config.validation.num_pairs
        self._samples = input_pipeline.read_pairs(source, range(config.validation.num_samples))
        self._generate = make_generate(Generator(**config.generator))

    def measure(self, state: TrainState) -> dict[str, float]:
        """Returns the metrics of the generator that colours."""
        colorize = functools.partial(self._generate, state.colorizer)
        return score(colorize, self._source, self._num_pairs).metrics

    def columns(self, state: TrainState) -> dict[str, UInt8[np.ndarray, "count height width 3"]]:
        """Returns a sheet's columns: some sketches, their colourings, and the truth."""
        sketch, color = self._samples["sketch"], self._samples["color"]
        coloured = self._generate(state.colorizer, sketch)
        return {"sketch": sketch, "coloured": coloured, "truth": color}


def _train(
    config: ConfigDict,
    workdir: Path,
    train_source: PairSource,
    validation_source: PairSource,
    schedule: Schedule,
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
    with (
        # Handle signals until the last checkpoint is written.
        stop_on_signals() as stop,
        contextlib.closing(batches),
        checkpoint.open_manager(workdir, config.checkpoint.keep) as manager,
    ):
        state = checkpoint.restore_latest(manager, state, batches, len(train_source))
        first_step = int(state.step)
        if first_step >= schedule.last_step:
            if distributed.is_primary():
                done = f"{workdir} is at step {first_step} of {schedule.last_step}"
                print(f"{done}: there is nothing left to do")
            return None
        with Report(
            workdir,
            first_step,
            schedule.last_step,
            schedule.steps_per_epoch,
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
                    epoch = step // schedule.steps_per_epoch
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
