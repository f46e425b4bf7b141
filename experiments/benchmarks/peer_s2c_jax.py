"""Times the training step and inference of this package. See README.md for the work."""

from experiments.benchmarks import measure

# Before JAX: importing is part of the time to the first step.
import jax  # isort: skip
import numpy as np
import optax

from s2c_jax import runtime
from s2c_jax.models.discriminator import Discriminator
from s2c_jax.models.generator import Generator
from s2c_jax.train_state import create_train_state
from s2c_jax.train_step import LossWeights, make_train_step, pmap_train_step


def main() -> None:
    """Times it."""
    options = measure.arguments(__doc__)
    runtime.keep_memory()  # As all commands do.
    dtype = options.precision
    generator = Generator(
        measure.GENERATOR, dropout_rate=0.5, dropout_layers=3, upsampling="transposed", dtype=dtype
    )
    discriminator = Discriminator(measure.DISCRIMINATOR, dtype=dtype)
    optimizer = optax.adam(2e-4, 0.5)
    key = jax.random.key(0)
    create = jax.jit(
        lambda key: create_train_state(key, generator, discriminator, optimizer, options.size)
    )
    state = create(key)
    step = pmap_train_step(
        make_train_step(
            generator,
            discriminator,
            optimizer,
            key=key,
            weights=LossWeights(1.0, 100.0, 0.0, 1e-4, real_label=0.9),
            discriminator_period=1,
        ),
        devices=jax.devices()[:1],
    )
    colorize = jax.jit(lambda variables, x: generator.apply(variables, x, train=False))
    shape = (options.batch, options.size, options.size, 3)
    pictures = np.random.default_rng(0).integers(0, 256, (2, 1, *shape), np.uint8)
    batch = dict(zip(("sketch", "color"), map(jax.device_put, pictures), strict=True))
    sketch = jax.random.uniform(key, shape, minval=-1.0, maxval=1.0)

    def train() -> object:
        nonlocal state
        state, metrics = step(state, batch)
        return metrics

    device = jax.devices()[0]
    on_cpu = device.platform == "cpu"
    work = measure.Work(
        train,
        infer=lambda: colorize(state.generator.variables, sketch),
        wait=jax.block_until_ready,
        device_memory=None if on_cpu else lambda: device.memory_stats()["peak_bytes_in_use"],
    )
    measure.report(f"s2c_jax (JAX {jax.__version__})", device.device_kind, options, work)


if __name__ == "__main__":
    main()
