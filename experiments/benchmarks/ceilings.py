"""Measures two ceilings of this machine: a large matrix product, and a large copy."""

import argparse
import json

import jax
import jax.numpy as jnp

from experiments.benchmarks.measure import median_seconds


def main() -> None:
    """Prints one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--precision", choices=("float32", "bfloat16"), default="float32")
    dtype = jnp.dtype(parser.parse_args().precision)
    device = jax.devices()[0]
    side = 4096 if device.platform == "cpu" else 8192
    matrix = jax.random.normal(jax.random.key(0), (side, side), dtype)
    product = jax.jit(lambda a: a @ a)
    copy = jax.jit(jnp.copy)
    floats = jnp.zeros(2**27 if device.platform == "cpu" else 2**30, jnp.float32)
    product_seconds = median_seconds(lambda: product(matrix), jax.block_until_ready, groups=7)
    copy_seconds = median_seconds(lambda: copy(floats), jax.block_until_ready, groups=7)
    line = {
        "ceiling": device.device_kind,
        "precision": dtype.name,
        "matmul_gflop_per_second": round(2e-9 * side**3 / product_seconds),
        # A copy reads and writes each byte.
        "copy_gb_per_second": round(2e-9 * floats.nbytes / copy_seconds, 1),
    }
    print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
