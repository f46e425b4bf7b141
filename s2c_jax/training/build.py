"""Builds from a config what a run trains with: networks, VGG16, the step and the first state."""

import functools
from collections.abc import Callable, Sequence
from typing import NamedTuple, cast

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Key
from ml_collections import ConfigDict

from s2c_jax import distributed, runtime
from s2c_jax.distributed import BATCH_AXIS
from s2c_jax.errors import naming
from s2c_jax.models.discriminator import Discriminator
from s2c_jax.models.generator import Generator
from s2c_jax.pretrained import vgg16
from s2c_jax.training import state as state_lib
from s2c_jax.training.augment import Augmentation
from s2c_jax.training.state import TrainState
from s2c_jax.training.step import Batch, LossWeights, Metrics, TrainStep

# A step on all devices: takes a replicated state, which is donated, and a batch whose arrays have a
# leading axis of devices, and returns the new state and the metrics.
MappedStep = Callable[[TrainState, Batch], tuple[TrainState, Metrics]]


class Networks(NamedTuple):
    """The two networks, and the optimiser of both."""

    generator: Generator
    discriminator: Discriminator
    optimizer: optax.GradientTransformation


def build_networks(config: ConfigDict) -> Networks:
    """Returns the config's networks and optimiser."""
    # Inject beta1 as an array. From a constant, XLA would factor 1/2 out of the sum of moments and
    # gradients, compute the sum twice, and copy all moments.
    optimizer = optax.inject_hyperparams(optax.adam, static_args=("eps", "eps_root"))(
        config.optimizer.learning_rate, config.optimizer.beta1, config.optimizer.beta2
    )
    dtype = jnp.dtype(config.precision)
    generator = Generator(**config.generator, dtype=dtype)
    return Networks(generator, Discriminator(config.discriminator.channels, dtype), optimizer)


def load_vgg(config: ConfigDict) -> vgg16.Vgg16 | None:
    """Returns VGG16 with the weights of `loss.feature_weights`, or None without a feature loss.

    Raises:
        UserError: the weights cannot be loaded.
    """
    if not config.loss.feature:
        return None
    with naming("config.loss.feature_weights"):
        vgg = vgg16.load(config.loss.feature_weights)
    if config.loss.feature_weights == "random":
        print("config.loss.feature_weights is 'random': VGG16 has random filters, not ImageNet's")
    return vgg


def build_step(
    config: ConfigDict, vgg: vgg16.Vgg16 | None = None, update_every: int | None = None
) -> TrainStep:
    """Returns the config's step of one device.

    Args:
        config: the run's settings.
        vgg: from `load_vgg`.
        update_every: overrides `discriminator.update_every`.
    """
    networks = build_networks(config)
    return TrainStep(
        **networks._asdict(),
        key=_split_seed(config.seed)[1],
        weights=LossWeights(**{name: config.loss[name] for name in LossWeights._fields}),
        palette_reach=config.loss.palette_reach,
        real_label=config.loss.real_label,
        pooling=config.discriminator.pooling,
        update_every=config.discriminator.update_every if update_every is None else update_every,
        ema_decay=config.optimizer.ema_decay,
        augmentation=Augmentation(
            **{name: config.augmentation[name] for name in Augmentation._fields}
        ),
        recolor=config.augmentation.recolor,
        vgg=vgg,
    )


def map_over_devices(step: TrainStep, devices: Sequence[jax.Device] | None = None) -> MappedStep:
    """Maps a step over devices, by default all, by `jax.pmap`."""
    mapped = jax.pmap(
        step, BATCH_AXIS, in_axes=(None, 0), out_axes=None, donate_argnums=0, devices=devices
    )
    return cast(MappedStep, mapped)


def compile_step(
    config: ConfigDict, vgg: vgg16.Vgg16 | None = None
) -> Callable[[int, TrainState, Batch], tuple[TrainState, Metrics]]:
    """Compiles the step that the training loop calls, with VGG16 from `load_vgg`.

    Returns:
        A function of a step's number, from 1 on, and the arguments of a `MappedStep`.
    """
    update_every = config.discriminator.update_every
    # On GPU, lax.cond on the step number waits for the host. The host knows the number, so compile
    # one program for each branch: 0 never updates the discriminator, 1 always does. Elsewhere a
    # second compilation costs more than it saves.
    one_per_branch = jax.default_backend() == "gpu" and update_every > 1
    programs = [
        compile_ahead(map_over_devices(build_step(config, vgg, each)), config)
        for each in ([0, 1] if one_per_branch else [update_every])
    ]

    def train_step(number: int, state: TrainState, batch: Batch) -> tuple[TrainState, Metrics]:
        program = programs[-1] if number % update_every == 0 else programs[0]
        return program(state, batch)

    return train_step


def compile_ahead(step: MappedStep, config: ConfigDict) -> MappedStep:
    """Compiles a step for the shapes of `init_state` and `input_pipeline.train_batches`.

    Compile before there is a state: on CPU the compiler needs as much memory as training.

    Returns:
        The compiled step. With several processes, `step`, which compiles when it is called.
    """
    if jax.process_count() > 1:
        # Ahead-of-time executables reject process-local arrays.
        return step
    size = config.image_size
    shape = (jax.local_device_count(), config.batch_size // jax.device_count(), size, size, 3)
    shapes = {"sketch": shape, "color": shape, "palette": (*shape[:2], 4, 4, 3)}
    batch = {
        key: jax.ShapeDtypeStruct(shape, np.uint8, sharding=distributed.batch_sharding())
        for key, shape in shapes.items()
    }
    state = jax.eval_shape(_state_initializer(config), _split_seed(config.seed)[0])
    # This scheduler needs a seventh less memory than the default, which orders operations so that
    # they can run concurrently.
    scheduler = {"xla_cpu_scheduler_type": "CPU_SCHEDULER_TYPE_MEMORY_OPTIMIZED"}
    options = scheduler if jax.default_backend() == "cpu" else None
    compiled = step.lower(state, batch).compile(compiler_options=options)  # type: ignore[attr-defined]
    runtime.trim_heap()
    return cast(MappedStep, compiled)


def init_state(config: ConfigDict) -> TrainState:
    """Returns the state at step 0, replicated over this process's devices."""
    # The program runs once, and on CPU most of its time is compilation: optimise it less.
    options = {"xla_backend_optimization_level": 1} if jax.default_backend() == "cpu" else None
    replicated = distributed.replicated_sharding()
    initialize = jax.jit(
        _state_initializer(config), out_shardings=replicated, compiler_options=options
    )
    state: TrainState = initialize(_split_seed(config.seed)[0])
    runtime.trim_heap()
    return state


def _state_initializer(config: ConfigDict) -> Callable[[Key[Array, ""]], TrainState]:
    return functools.partial(
        state_lib.init_state,
        **build_networks(config)._asdict(),
        image_size=config.image_size,
        with_ema=config.optimizer.ema_decay > 0,
    )


def _split_seed(seed: int) -> Key[Array, "2"]:
    """Returns the sources of the initial weights and of the steps' randomness."""
    return jax.random.split(jax.random.key(seed))
