"""The training loop: data, step, log, sample, checkpoint."""

import contextlib
import functools
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import ml_collections
import numpy as np
import optax
from jaxtyping import Array

from s2c_jax import checkpoint, files, input_pipeline, processes, runtime
from s2c_jax import config as config_lib
from s2c_jax.errors import UserError
from s2c_jax.inference import everywhere, make_generate
from s2c_jax.models import vgg16
from s2c_jax.models.discriminator import Discriminator
from s2c_jax.models.generator import Generator
from s2c_jax.report import Report
from s2c_jax.scoring import score
from s2c_jax.stopping import stop_on_signals
from s2c_jax.train_state import TrainState, create_train_state
from s2c_jax.train_step import (
    Augmentation,
    Batch,
    LossWeights,
    Metrics,
    make_train_step,
    pmap_train_step,
)


def train_and_evaluate(config: ml_collections.ConfigDict, workdir: Path) -> signal.Signals | None:
    """Trains, or goes on from the last sound checkpoint in `workdir`.

    SIGTERM and SIGINT end it after the step, or the end of an epoch, that they come in, with a
    checkpoint there.

    Args:
        config: see `config.default_config`.
        workdir: where everything of the run is: config.json, checkpoints/, samples/, tensorboard/.

    Returns:
        The signal that ended it, None if it has come to its end.

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
    vgg = vgg16.load(config.loss.feature_weights) if config.loss.feature else None
    if vgg and config.loss.feature_weights == "random":
        print("config.loss.feature_weights is 'random': VGG16 has random filters, not ImageNet's")
    with claim_workdir(config, workdir):
        return _train(config, workdir, train_source, validation_source, steps_per_epoch, vgg)


def _train(
    config: ml_collections.ConfigDict,
    workdir: Path,
    train_source: Any,
    validation_source: Any,
    steps_per_epoch: int,
    vgg: vgg16.Vgg16 | None,
) -> signal.Signals | None:
    train_step = compile_steps(config, vgg)
    state = initial_state(config)
    # Pictures are coloured in float32, as they are by whoever loads the checkpoint.
    generate = make_generate(Generator(**config.generator))
    batches = input_pipeline.train_batches(
        train_source,
        batch_size=config.batch_size,
        seed=config.seed,
        num_threads=config.dataset.num_threads,
    )
    samples = input_pipeline.read_pairs(validation_source, range(config.validation.num_samples))

    with (
        # Until the last checkpoint is written.
        stop_on_signals() as stop,
        contextlib.closing(batches),
        checkpoint.open_manager(workdir, config.checkpoint.keep) as manager,
    ):
        state = checkpoint.restore_latest(manager, state, batches, len(train_source))
        first_step = int(state.step)
        last_step = config.num_epochs * steps_per_epoch
        if config.max_steps:
            last_step = min(last_step, config.max_steps)
        if first_step >= last_step:
            if processes.is_first():
                print(
                    f"{workdir} is at step {first_step} of {last_step}: there is nothing left to do"
                )
            return None
        with Report(
            workdir,
            first_step,
            last_step,
            steps_per_epoch,
            config.batch_size,
            skip_not_finite=config.optimizer.skip_not_finite,
        ) as report:
            for step in range(first_step + 1, last_step + 1):
                with report.waiting():
                    batch = next(batches)
                state, losses = train_step(step, state, batch)
                report.step(step, losses)
                epoch, rest = divmod(step, steps_per_epoch)
                metrics: dict[str, float] = {}
                due = step == last_step or (
                    rest == 0 and epoch % config.checkpoint.every_epochs == 0
                )
                if due or (rest == 0 and epoch % config.validation.every_epochs == 0):
                    # Before the clock is the validation's.
                    report.finish()
                    metrics = score(
                        functools.partial(generate, state.colorizer),
                        validation_source,
                        config.validation.num_pairs,
                    ).metrics
                if rest == 0:
                    report.epoch(epoch, metrics)
                    report.pictures(epoch, {
                        "sketch": samples["sketch"],
                        "coloured": generate(state.colorizer, samples["sketch"]),
                        "truth": samples["color"],
                    })  # fmt: skip
                stopped = stop.after(step)
                if due or stopped:
                    report.finish()
                    checkpoint.save(manager, state, batches, len(train_source), metrics)
                if rest == 0:
                    # Between epochs there are blocks of other sizes, which leave holes.
                    runtime.give_back()
                if stopped and step < last_step:
                    return stopped
            return None


def make_networks(
    config: ml_collections.ConfigDict,
) -> tuple[Generator, Discriminator, optax.GradientTransformation]:
    """Returns generator, discriminator and the optimiser of both, as the settings have them."""
    # Injected, beta1 is no constant of the program. XLA would take 1/2 out of the sum of the first
    # moments and the gradients, compute that twice, and copy all moments for it.
    optimizer = optax.inject_hyperparams(optax.adam, static_args=("eps", "eps_root"))(
        config.optimizer.learning_rate, config.optimizer.beta1, config.optimizer.beta2
    )
    dtype = jnp.dtype(config.precision)
    generator = Generator(**config.generator, dtype=dtype)
    return generator, Discriminator(config.discriminator.channels, dtype), optimizer


def compile_steps(
    config: ml_collections.ConfigDict, vgg: vgg16.Vgg16 | None = None
) -> Callable[[int, TrainState, Batch], tuple[TrainState, Metrics]]:
    """Compiles what the training loop calls.

    Args:
        config: the run's settings.
        vgg: the network of the feature-level loss, needed if there is one.

    Returns:
        A function from a step's number, from 1 on, the state and a batch to the new state and the
        metrics.
    """
    period = config.discriminator.update_every
    # What a condition within the program chooses, GPUs ask the host, and wait. The host has known
    # it all along, and chooses the program. Elsewhere it is not worth compiling two.
    periods = [0, 1] if jax.default_backend() == "gpu" and period > 1 else [period]
    programs = [
        compile_step(pmap_train_step(make_step(config, vgg, each)), config) for each in periods
    ]

    def train_step(number: int, state: TrainState, batch: Batch) -> tuple[TrainState, Metrics]:
        program = programs[-1] if number % period == 0 else programs[0]
        stepped: tuple[TrainState, Metrics] = program(state, batch)
        return stepped

    return train_step


def make_step(
    config: ml_collections.ConfigDict,
    vgg: vgg16.Vgg16 | None = None,
    discriminator_period: int | None = None,
) -> Callable[[TrainState, Batch], tuple[TrainState, Metrics]]:
    """Returns the step of one device, as the settings have it.

    Args:
        config: the run's settings.
        vgg: the network of the feature-level loss, needed if there is one.
        discriminator_period: see `make_train_step`; None is as the settings have it.
    """
    if discriminator_period is None:
        discriminator_period = config.discriminator.update_every
    generator, discriminator, optimizer = make_networks(config)
    return make_train_step(
        generator,
        discriminator,
        optimizer,
        key=_keys(config.seed)[1],
        weights=LossWeights(**{name: config.loss[name] for name in LossWeights._fields}),
        pooling=config.discriminator.pooling,
        discriminator_period=discriminator_period,
        ema_decay=config.optimizer.ema_decay,
        augmentation=Augmentation(**config.augmentation),
        vgg=vgg,
    )


def compile_step(train_step: Any, config: ml_collections.ConfigDict) -> Any:
    """Compiles the step for `initial_state` and the batches of `input_pipeline.train_batches`.

    On CPU the compiler takes as much memory as training does. Before there is a state, they do not
    take it together.

    Args:
        train_step: from `pmap_train_step`.
        config: the run's settings.

    Returns:
        The compiled step, which takes nothing else than that; with several processes, the step as
        it is, which compiles when it is called.
    """
    if jax.process_count() > 1:
        # What `lower` gives knows nothing of the arrays that a process has of its own.
        return train_step
    size = config.image_size
    shape = (jax.local_device_count(), config.batch_size // jax.device_count(), size, size, 3)
    shapes = {"sketch": shape, "color": shape, "palette": (*shape[:2], 4, 4, 3)}
    batch = {
        key: jax.ShapeDtypeStruct(shape, np.uint8, sharding=input_pipeline.batch_sharding())
        for key, shape in shapes.items()
    }
    state = jax.eval_shape(_create(config), _keys(config.seed)[0])
    options = None
    if jax.default_backend() == "cpu":
        # A seventh less memory than in the order that is made for running operations side by side.
        options = {"xla_cpu_scheduler_type": "CPU_SCHEDULER_TYPE_MEMORY_OPTIMIZED"}
    compiled = train_step.lower(state, batch).compile(compiler_options=options)
    runtime.give_back()
    return compiled


def initial_state(config: ml_collections.ConfigDict) -> TrainState:
    """Returns the state at step 0, replicated over this process's devices."""
    # It runs once, and on CPU compilation is most of its time: a third of it is enough.
    quickly = {"xla_backend_optimization_level": 1} if jax.default_backend() == "cpu" else None
    create = jax.jit(_create(config), out_shardings=everywhere(), compiler_options=quickly)
    state: TrainState = create(_keys(config.seed)[0])
    runtime.give_back()
    return state


def _create(config: ml_collections.ConfigDict) -> Callable[[Array], TrainState]:
    generator, discriminator, optimizer = make_networks(config)
    return functools.partial(
        create_train_state,
        generator=generator,
        discriminator=discriminator,
        optimizer=optimizer,
        image_size=config.image_size,
        averaged=config.optimizer.ema_decay > 0,
    )


def _keys(seed: int) -> tuple[Array, Array]:
    """Returns where the initial weights come from, and where the steps' randomness does."""
    initial, steps = jax.random.split(jax.random.key(seed))
    return initial, steps


@contextlib.contextmanager
def claim_workdir(config: ml_collections.ConfigDict, workdir: Path) -> Iterator[None]:
    """Makes the workdir and its config.json, and keeps other runs' processes out of it.

    Raises:
        UserError: another process is in it, or another run; or it cannot be written.
    """
    with contextlib.ExitStack() as stack:
        problem = None
        if processes.is_first():
            try:
                workdir.mkdir(parents=True, exist_ok=True)
                stack.enter_context(files.locked(workdir))
                _write_config(config, workdir)
            except UserError as error:
                problem = error
            except BlockingIOError:
                problem = UserError(f"--workdir {workdir}: another process is training in it")
            except OSError as error:
                problem = UserError(
                    f"--workdir {workdir} cannot be written ({error.strerror or error})"
                )
        # Or the others would wait for one that has gone.
        if not processes.all_agree(problem is None):
            raise problem or UserError("the first process cannot train; it says why")
        yield


def _write_config(config: ml_collections.ConfigDict, workdir: Path) -> None:
    file = workdir / "config.json"
    if file.exists() or checkpoint.steps(workdir):
        old = config_lib.load(file)
        if checkpoint.steps(workdir):
            config_lib.require_same_run(old, config)
    for folder in ("checkpoints", "samples", "tensorboard"):
        (workdir / folder).mkdir(parents=True, exist_ok=True)
    config_lib.save(config, file)
