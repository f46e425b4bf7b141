"""Compares the training step mapped by `jax.pmap` with `jax.jit` of `jax.shard_map`.

python -m experiments.mapping.run --devices 1 8

prints one line of JSON for each number of CPU devices and each network.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import ml_collections
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from configs import openmoji
from s2c_jax import distributed, runtime
from s2c_jax.training import build

# Channels of generator and discriminator: so narrow that dispatch takes most of a step, or None for
# the demo's.
NETWORKS: dict[str, tuple[tuple[int, ...], tuple[int, ...]] | None] = {
    "narrow": ((2, 2), (2, 2)),
    "demo": None,
}


class MappedStep(NamedTuple):
    """A training step mapped over all devices.

    Attributes:
        call: a function of the state and a batch; Any, because jax.pmap and jax.jit have no common
            type with `lower`.
        batch: a batch, sharded over the devices.
    """

    call: Any
    batch: Mapping[str, jax.Array]


def map_steps(config: ml_collections.ConfigDict) -> dict[str, MappedStep]:
    """Maps the same step in both ways."""
    step = build.build_step(config)
    mesh = Mesh(np.array(jax.devices()), ("batch",))
    shards = PartitionSpec("batch")
    shard_mapped = jax.shard_map(
        step,
        mesh=mesh,
        in_specs=(PartitionSpec(), shards),
        out_specs=PartitionSpec(),
        check_vma=False,
    )
    size, batch = config.image_size, config.batch_size
    pictures = np.random.default_rng(0).integers(0, 256, (2, batch, size, size, 3), np.uint8)
    flat = dict(zip(("sketch", "color"), pictures, strict=True))
    stacked = {
        key: value.reshape(jax.device_count(), -1, size, size, 3) for key, value in flat.items()
    }
    return {
        "pmap": MappedStep(
            build.map_over_devices(step), jax.device_put(stacked, distributed.batch_sharding())
        ),
        "shard_map": MappedStep(
            jax.jit(shard_mapped, donate_argnums=0),
            jax.device_put(flat, NamedSharding(mesh, shards)),
        ),
    }


def measure(network: str, rounds: int) -> dict[str, object]:
    """Compares both mappings on all devices of this process."""
    config = openmoji.get_config()
    if channels := NETWORKS[network]:
        config.generator.channels, config.discriminator.channels = channels
    steps = map_steps(config)
    line: dict[str, object] = {
        "network": network,
        "devices": jax.device_count(),
        "batch": config.batch_size,
    }
    states = {}
    for name, (call, batch) in steps.items():
        state = build.init_state(config)
        memory = call.lower(state, batch).compile().memory_analysis()
        line[f"{name}_temporary_mb"] = round(memory.temp_size_in_bytes / 1e6, 1)
        line[f"{name}_donated_share"] = round(
            memory.alias_size_in_bytes / memory.output_size_in_bytes, 3
        )
        for _ in range(3):
            state, metrics = call(state, batch)
        states[name] = jax.block_until_ready((state, metrics))[0]
    line |= time_in_turn(steps, states, rounds)
    parameters = [jax.tree.leaves(state.generator) for state in states.values()]
    line["same_parameters"] = all(map(np.array_equal, *parameters))
    return line


def time_in_turn(
    steps: Mapping[str, MappedStep], states: dict[str, Any], rounds: int
) -> dict[str, float]:
    """Returns the median milliseconds of dispatch and of a whole step; updates the states."""
    dispatch: dict[str, list[float]] = {name: [] for name in steps}
    whole: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range(rounds):
        for name, (call, batch) in steps.items():
            begun = time.perf_counter()
            states[name], metrics = call(states[name], batch)
            dispatch[name].append(time.perf_counter() - begun)
            jax.block_until_ready((states[name], metrics))
            whole[name].append(time.perf_counter() - begun)
    return {
        f"{name}_{kind}_ms": round(1e3 * statistics.median(times[name]), 2)
        for name in steps
        for kind, times in (("dispatch", dispatch), ("step", whole))
    }


def main() -> None:
    """Prints the lines; each number of devices has its own process."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--devices", type=int, nargs="+", default=[])
    parser.add_argument("--networks", nargs="+", choices=NETWORKS, default=list(NETWORKS))
    parser.add_argument("--rounds", type=int, default=50)
    options = parser.parse_args()
    for devices in options.devices:
        flags = f"--xla_force_host_platform_device_count={devices}"
        command = [sys.executable, "-m", "experiments.mapping.run"]
        command += ["--rounds", str(options.rounds), "--networks", *options.networks]
        subprocess.run(command, env={**os.environ, "XLA_FLAGS": flags}, check=True)
    if not options.devices:
        runtime.prepare()
        # With synchronous dispatch, which `prepare` sets, a call returns after the whole step.
        jax.config.update("jax_cpu_enable_async_dispatch", True)
        for network in options.networks:
            print(json.dumps(measure(network, options.rounds)), flush=True)


if __name__ == "__main__":
    main()
