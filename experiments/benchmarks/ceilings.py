"""Measures what this machine can do at most: a large matrix product, and a large copy."""

import argparse
import json
import statistics
import time
from collections.abc import Callable

import jax
import jax.numpy as jnp


def median_seconds(call: Callable[[], jax.Array]) -> float:
    """The median time of seven calls, after two."""
    times = []
    for _ in range(9):
        begun = time.perf_counter()
        call().block_until_ready()
        times.append(time.perf_counter() - begun)
    return statistics.median(times[2:])


def main() -> None:
    """Measures and prints one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--precision", choices=("float32", "bfloat16"), default="float32")
    dtype = jnp.dtype(parser.parse_args().precision)
    device = jax.devices()[0]
    side = 4096 if device.platform == "cpu" else 8192
    matrix = jax.random.normal(jax.random.key(0), (side, side), dtype)
    product = jax.jit(lambda a: a @ a)
    copy = jax.jit(jnp.copy)
    floats = jnp.zeros(2**27 if device.platform == "cpu" else 2**30, jnp.float32)
    line = {
        "ceiling": device.device_kind,
        "precision": dtype.name,
        "matmul_gflop_per_second": round(2e-9 * side**3 / median_seconds(lambda: product(matrix))),
        # Read and written.
        "copy_gb_per_second": round(2e-9 * floats.nbytes / median_seconds(lambda: copy(floats)), 1),
    }
    print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
