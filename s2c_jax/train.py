"""The training loop: data, step, log, sample, checkpoint."""

import contextlib
import functools
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
from s2c_jax.train_state import Optimizers, TrainState, create_train_state
from s2c_jax.train_step import Augmentation, LossWeights, make_train_step, pmap_train_step


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
    last_step = config.num_epochs * steps_per_epoch
    optimizers = Optimizers(
        generator=_adam(config, last_step),
        discriminator=_adam(config, last_step // config.discriminator.update_every),
    )
    init_key, step_key = jax.random.split(jax.random.key(config.seed))
    create: Callable[[Array], TrainState] = functools.partial(
        create_train_state,
        generator=generator,
        discriminator=discriminator,
        optimizers=optimizers,
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
            optimizers,
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
    samples = input_pipeline.read_pairs(validation_source, range(config.validation.num_samples))

    with (
        contextlib.closing(batches),
        checkpoint.open_manager(workdir, config.checkpoint.keep) as manager,
    ):
        state = checkpoint.restore_latest(manager, state, batches)
        first_step = int(state.step)
        if config.max_steps:
            last_step = min(last_step, config.max_steps)
        with Report(workdir, first_step, last_step, steps_per_epoch, config.batch_size) as report:
            for step in range(first_step + 1, last_step + 1):
                with report.waiting():
                    batch = next(batches)
                state, metrics = train_step(state, batch)
                report.step(step, metrics)
                epoch, rest = divmod(step, steps_per_epoch)
                if rest == 0:
                    variables = state.generator.variables
                    error = _mean_absolute_error(
                        generate, variables, validation_source, config.validation.num_pairs
                    )
                    report.epoch(epoch, {"validation/mean_absolute_error": error})
                    report.pictures(epoch, {
                        "sketch": samples["sketch"],
                        "coloured": generate(variables, samples["sketch"]),
                        "truth": samples["color"],
                    })  # fmt: skip
                if step == last_step or (rest == 0 and epoch % config.checkpoint.every_epochs == 0):
                    checkpoint.save(manager, state, batches)


def _adam(config: ml_collections.ConfigDict, updates: int) -> optax.GradientTransformation:
    """Adam whose learning rate falls to 0 over the last of so many updates, if it is to."""
    settings = config.optimizer
    falling = round(settings.decay * updates)
    rate = settings.learning_rate
    schedule = optax.linear_schedule(rate, 0.0, falling, updates - falling) if falling else rate
    return optax.adam(schedule, settings.beta1, settings.beta2)


def _mean_absolute_error(
    generate: Callable[[PyTree, Pictures], Pictures], variables: PyTree, source: Any, count: int
) -> float:
    """The mean of |y - G(x)|, pictures in [-1, 1], over the first `count` pairs of a source."""
    count = min(count, len(source))
    total = 0.0
    for start in range(0, count, BATCH_SIZE):
        pairs = input_pipeline.read_pairs(source, range(start, min(start + BATCH_SIZE, count)))
        difference = generate(variables, pairs["sketch"]).astype(np.float32) - pairs["color"]
        total += float(np.abs(difference).mean(axis=(1, 2, 3)).sum()) / 127.5
    return total / count


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
