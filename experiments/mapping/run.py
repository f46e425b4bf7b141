"""Holds the pmapped training step against the same step under jit of shard_map.

python -m experiments.mapping.run --devices 1 8

prints a line of JSON for each number of devices (of the host's CPU) and network.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from configs import openmoji
from s2c_jax import distributed, runtime
from s2c_jax.training import build

# Channels of generator and discriminator: so narrow that a step is dispatch alone, and the demo's.
NETWORKS: dict[str, tuple[tuple[int, ...], tuple[int, ...]] | None] = {
    "narrow": ((2, 2), (2, 2)),
    "demo": None,
}


def measure(network: str, rounds: int) -> dict[str, Any]:
    """Times both, in turn, on all devices."""
    config = openmoji.get_config()
    if channels := NETWORKS[network]:
        config.generator.channels, config.discriminator.channels = channels
    step = build.build_step(config)
    mesh = Mesh(np.array(jax.devices()), ("batch",))
    shares = PartitionSpec("batch")
    sharded = jax.jit(
        jax.shard_map(
            step,
            mesh=mesh,
            in_specs=(PartitionSpec(), shares),
            out_specs=PartitionSpec(),
            check_vma=False,
        ),
        donate_argnums=0,
    )
    devices = jax.device_count()
    size, batch = config.image_size, config.batch_size
    pictures = np.random.default_rng(0).integers(0, 256, (2, batch, size, size, 3), np.uint8)
    flat = dict(zip(("sketch", "color"), pictures, strict=True))
    stacked = {key: value.reshape(devices, -1, size, size, 3) for key, value in flat.items()}
    ways: dict[str, tuple[Callable[..., Any], Any]] = {
        "pmap": (
            build.map_over_devices(step),
            jax.device_put(stacked, distributed.batch_sharding()),
        ),
        "shard_map": (sharded, jax.device_put(flat, NamedSharding(mesh, shares))),
    }
    line: dict[str, Any] = {"network": network, "devices": devices, "batch": batch}
    states, times = {}, {way: ([], []) for way in ways}  # type: ignore[var-annotated]
    for way, (call, given) in ways.items():
        states[way] = build.init_state(config)
        program = call.lower(states[way], given).compile()  # type: ignore[attr-defined]
        memory = program.memory_analysis()
        line[f"{way}_temporary_mb"] = round(memory.temp_size_in_bytes / 1e6, 1)
        line[f"{way}_donated_share"] = round(
            memory.alias_size_in_bytes / memory.output_size_in_bytes, 3
        )
        for _ in range(3):
            states[way], metrics = call(states[way], given)
        jax.block_until_ready(metrics)
    for _ in range(rounds):
        for way, (call, given) in ways.items():
            begun = time.perf_counter()
            states[way], metrics = call(states[way], given)
            dispatched = time.perf_counter()
            jax.block_until_ready((states[way], metrics))
            times[way][0].append(dispatched - begun)
            times[way][1].append(time.perf_counter() - begun)
    for way, (dispatch, whole) in times.items():
        line[f"{way}_dispatch_ms"] = round(1e3 * statistics.median(dispatch), 2)
        line[f"{way}_step_ms"] = round(1e3 * statistics.median(whole), 2)
    line["same_parameters"] = all(
        np.array_equal(left, right)
        for left, right in zip(
            *(jax.tree.leaves(states[way].generator) for way in ways), strict=True
        )
    )
    return line


def main() -> None:
    """Measures, in a process for each number of devices."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--devices", type=int, nargs="+", default=[])
    parser.add_argument("--networks", nargs="+", default=list(NETWORKS))
    parser.add_argument("--rounds", type=int, default=50)
    options = parser.parse_args()
    for devices in options.devices:
        flags = f"--xla_force_host_platform_device_count={devices}"
        command = [sys.executable, "-m", "experiments.mapping.run"]
        command += ["--rounds", str(options.rounds), "--networks", *options.networks]
        subprocess.run(command, env={**os.environ, "XLA_FLAGS": flags}, check=True)
    if not options.devices:
        runtime.prepare()
        # Dispatch can be told from the step only where it does not wait for it.
        jax.config.update("jax_cpu_enable_async_dispatch", True)
        for network in options.networks:
            print(json.dumps(measure(network, options.rounds)), flush=True)


if __name__ == "__main__":
    main()
