"""How much longer does a step take with augmentation of places, lines and hands?

python -m experiments.benchmarks.augmentation --size 64 128
"""

import argparse
import time
from collections.abc import Callable

import jax
import numpy as np

from configs.characters import get_config
from s2c_jax import runtime
from s2c_jax.config import HANDS
from s2c_jax.training.build import compile_step, init_state

# Steps in a measurement.
STEPS = 4
# The settings of config.augmentation in each row.
ROWS = {
    "mirror": {},
    "mirror, zoom, turn, shift": {"zoom": 0.2, "turn": 10.0, "shift": 0.1},
    "mirror, all hands": {"hands": HANDS},
    "mirror, all hands, redraw": {"hands": HANDS, "redraw": 1.0},
}


def make_run(size: int, batch_size: int, augmentation: dict[str, object]) -> Callable[[], float]:
    """Returns a function that measures the seconds of a step of the demo's networks."""
    config = get_config()
    config.image_size, config.batch_size = size, batch_size
    config.augmentation.update(augmentation)
    step, state = compile_step(config), init_state(config)
    rng = np.random.default_rng(0)
    shape = (jax.local_device_count(), batch_size // jax.local_device_count())
    batch = {
        name: rng.integers(0, 256, (*shape, side, side, 3), np.uint8)
        for name, side in (("sketch", size), ("color", size), ("palette", 4))
    }

    def run() -> float:
        nonlocal state
        started = time.perf_counter()
        for number in range(1, STEPS + 1):
            state, _ = step(number, state, jax.device_put(batch))
        jax.block_until_ready(state)
        return (time.perf_counter() - started) / STEPS

    run()
    return run


def main() -> None:
    """Prints a table for each size; the ratios are medians over rounds in turn."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--size", type=int, nargs="+", default=[64, 128])
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=7)
    flags = parser.parse_args()
    runtime.prepare()
    for size in flags.size:
        runs = {name: make_run(size, flags.batch, row) for name, row in ROWS.items()}
        seconds = np.array([[run() for run in runs.values()] for _ in range(flags.rounds)])
        ratios = np.median(seconds / seconds[:, :1], axis=0)
        print(f"\n| {size} px, batch {flags.batch} | ms a step | ratio |\n| --- | ---: | ---: |")
        for name, median, ratio in zip(runs, np.median(seconds, axis=0), ratios, strict=True):
            print(f"| {name} | {1000 * median:.0f} | {ratio:.2f} |")


if __name__ == "__main__":
    main()
