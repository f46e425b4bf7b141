"""Times the training step and inference of this package. README.md describes the work."""

import argparse
import sys
import time
from collections.abc import Callable

from experiments.benchmarks import measure

# After measure: the time to the first step includes the imports.
import jax  # isort: skip
import ml_collections
import numpy as np

from configs import sketch2color
from s2c_jax import distributed, runtime
from s2c_jax.training import build


def article_config(options: argparse.Namespace) -> ml_collections.ConfigDict:
    """Returns the settings of the work: no feature loss, and the discriminator learns each step."""
    config = sketch2color.get_config()
    config.image_size, config.batch_size = options.size, options.batch
    config.precision = options.precision
    config.generator.channels = measure.GENERATOR
    config.discriminator.channels = measure.DISCRIMINATOR
    config.loss.feature = 0.0
    config.discriminator.update_every = 1
    return config


def prepare(options: argparse.Namespace) -> measure.Work:
    """Compiles the step, and draws the initial state and a batch."""
    runtime.keep_memory()  # As main, colorize and evaluate do.
    if jax.device_count() > 1:
        sys.exit("one device is compared: hide the others, as by CUDA_VISIBLE_DEVICES=0")
    config = article_config(options)
    generator, _, _ = build.build_networks(config)
    step = build.map_over_devices(build.build_step(config))
    begun = time.perf_counter()
    compiled = build.compile_ahead(step, config)
    compile_seconds = time.perf_counter() - begun
    state = build.init_state(config)
    colorize = jax.jit(lambda variables, x: generator.apply(variables, x, train=False))
    shape = (options.batch, options.size, options.size, 3)
    pictures = np.random.default_rng(0).integers(0, 256, (2, 1, *shape), np.uint8)
    batch = dict(zip(("sketch", "color"), pictures, strict=True))
    batch["palette"] = np.zeros((1, options.batch, 4, 4, 3), np.uint8)
    batch = jax.device_put(batch, distributed.batch_sharding())
    sketch = jax.random.uniform(jax.random.key(0), shape, minval=-1.0, maxval=1.0)

    def take_step() -> object:
        nonlocal state
        state, metrics = compiled(state, batch)
        return metrics

    return measure.Work(
        take_step,
        infer=lambda: colorize(state.colorizer, sketch),
        wait=jax.block_until_ready,
        device_memory=peak_device_memory(jax.devices()[0]),
        compile_seconds=compile_seconds,
    )


def peak_device_memory(device: jax.Device) -> Callable[[], int] | None:
    """Returns a function that reads the peak memory of an accelerator; None for a CPU."""
    if device.platform == "cpu":
        return None
    return lambda: device.memory_stats()["peak_bytes_in_use"]


def main() -> None:
    """Prints one line of JSON."""
    options = measure.parse_options(__doc__)
    work = prepare(options)
    kind = jax.devices()[0].device_kind
    measure.report(f"s2c_jax (JAX {jax.__version__})", kind, options, work)


if __name__ == "__main__":
    main()
