"""The training loop: data, step, log, sample, checkpoint."""

import collections
import functools
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import ml_collections
import numpy as np
import optax
from jaxtyping import Array, PyTree

from s2c_jax import checkpoint, input_pipeline
from s2c_jax import config as config_lib
from s2c_jax.errors import UserError
from s2c_jax.inference import BATCH_SIZE, Pictures, make_generate
from s2c_jax.models import vgg16
from s2c_jax.models.discriminator import Discriminator
from s2c_jax.models.generator import Generator
from s2c_jax.report import Report
from s2c_jax.train_state import TrainState, create_train_state
from s2c_jax.train_step import Augmentation, LossWeights, make_train_step, pmap_train_step

# Steps that may be queued on the devices: enough to keep them busy, few enough that memory and the
# progress shown do not run ahead.
_STEPS_IN_FLIGHT = 2


def train_and_evaluate(config: ml_collections.ConfigDict, workdir: Path) -> None:
    """Trains, or goes on from the last checkpoint in `workdir`.

    Args:
        config: see `config.default_config`.
        workdir: where everything of the run is: config.json, checkpoints/, samples/, tensorboard/.

    Raises:
        UserError: a setting, the data or the workdir is wrong; nothing in it has been changed.
    """
    config_lib.validate(config, jax.device_count())
    train_source, validation_source = (
        input_pipeline.open_split(
            config.dataset.name, config.image_size, split, config.dataset.data_dir
        )
        for split in ("train", "validation")
    )
    steps_per_epoch = input_pipeline.steps_per_epoch(train_source, config.batch_size)
    vgg_weights = vgg16.load_weights(config.loss.feature_weights) if config.loss.feature else None
    _claim_workdir(config, workdir)

    generator = Generator(**config.generator)
    discriminator = Discriminator(config.discriminator.channels)
    optimizer = optax.adam(
        config.optimizer.learning_rate, config.optimizer.beta1, config.optimizer.beta2
    )
    init_key, step_key = jax.random.split(jax.random.key(config.seed))
    create: Callable[[Array], TrainState] = functools.partial(
        create_train_state,
        generator=generator,
        discriminator=discriminator,
        optimizer=optimizer,
        image_size=config.image_size,
    )
    # Runs once: unoptimised it takes a fifth of the time, nearly all of which is compilation.
    create = jax.jit(
        create,
        out_shardings=_replicated(),
        compiler_options={"xla_backend_optimization_level": 0},
    )
    state = create(init_key)
    train_step = pmap_train_step(
        make_train_step(
            generator,
            discriminator,
            optimizer,
            key=step_key,
            weights=LossWeights(
                config.loss.adversarial,
                config.loss.pixel,
                config.loss.feature,
                config.loss.total_variation,
                config.loss.real_label,
            ),
            pooling=config.discriminator.pooling,
            discriminator_period=config.discriminator.update_every,
            augmentation=Augmentation(**config.augmentation),
            vgg_weights=vgg_weights,
        )
    )
    generate = make_generate(generator)
    batches = input_pipeline.train_batches(
        train_source,
        batch_size=config.batch_size,
        seed=config.seed,
        num_threads=config.dataset.num_threads,
    )

    with checkpoint.open_manager(workdir, config.checkpoint.keep) as manager:
        state = checkpoint.restore_latest(manager, state, batches)
        first_step = int(state.step)
        last_step = config.num_epochs * steps_per_epoch
        if config.max_steps:
            last_step = min(last_step, config.max_steps)
        with Report(
            workdir,
            first_step=first_step,
            last_step=last_step,
            steps_per_epoch=steps_per_epoch,
            batch_size=config.batch_size,
        ) as report:
            in_flight: collections.deque[tuple[int, Any]] = collections.deque()
            for step in range(first_step + 1, last_step + 1):
                asked = time.perf_counter()
                batch = next(batches)
                report.waited(time.perf_counter() - asked)
                state, metrics = train_step(state, batch)
                in_flight.append((step, metrics))
                ends_epoch = step % steps_per_epoch == 0
                while len(in_flight) > (0 if ends_epoch else _STEPS_IN_FLIGHT):
                    done, metrics = in_flight.popleft()
                    report.step(done, jax.device_get(metrics))
                epoch = step // steps_per_epoch
                if ends_epoch:
                    _validate(config, epoch, report, generate, state.generator.variables,
                              validation_source)  # fmt: skip
                if step == last_step or (
                    ends_epoch and epoch % config.checkpoint.every_epochs == 0
                ):
                    checkpoint.save(manager, state, batches)
                if ends_epoch:
                    report.restart_clock()


def _validate(
    config: ml_collections.ConfigDict,
    epoch: int,
    report: Report,
    generate: Callable[[PyTree, Pictures], Pictures],
    variables: PyTree,
    source: Any,
) -> None:
    """Measures the error on held-out pairs, and colours the first of them to be looked at."""
    num_samples = min(config.validation.num_samples, len(source))
    num_pairs = min(config.validation.num_pairs, len(source))
    if num_samples:
        pairs = input_pipeline.read_pairs(source, range(num_samples))
        colored = generate(variables, pairs["sketch"])
        report.pictures(
            epoch, {"sketch": pairs["sketch"], "coloured": colored, "truth": pairs["color"]}
        )
    error = 0.0
    for start in range(0, num_pairs, BATCH_SIZE):
        pairs = input_pipeline.read_pairs(source, range(start, min(start + BATCH_SIZE, num_pairs)))
        difference = generate(variables, pairs["sketch"]).astype(np.float32) - pairs["color"]
        error += float(np.abs(difference).mean(axis=(1, 2, 3)).sum()) / 127.5
    scalars = {"validation/mean_absolute_error": error / num_pairs} if num_pairs else {}
    report.epoch(epoch, scalars)


def _replicated() -> jax.sharding.NamedSharding:
    mesh = jax.sharding.Mesh(np.array(jax.devices()), ("batch",))
    return jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec())


def _claim_workdir(config: ml_collections.ConfigDict, workdir: Path) -> None:
    """Makes the workdir and its config.json, unless another config's checkpoints are in it."""
    file = workdir / "config.json"
    if checkpoint.has_checkpoint(workdir):
        config_lib.require_same_run(config_lib.load(file), config)
    try:
        (workdir / "samples").mkdir(parents=True, exist_ok=True)
        config_lib.save(config, file)
    except OSError as error:
        raise UserError(f"--workdir {workdir} cannot be written ({error.strerror})") from None
