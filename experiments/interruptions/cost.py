"""Measures how long a checkpoint blocks training, and how long until it is written.

python -m experiments.interruptions.cost

prints one line of JSON for the demo's networks, and one for the article's.
"""

import argparse
import dataclasses
import json
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import ml_collections

from configs import openmoji, sketch2color
from s2c_jax import checkpoint, runtime
from s2c_jax.datasets import input_pipeline
from s2c_jax.training import build

SAVES = 5


def measure(name: str, config: ml_collections.ConfigDict) -> dict[str, Any]:
    """Saves a few checkpoints, one after the other, and returns the median times."""
    source = input_pipeline.open_split("openmoji_sketch", 64, "train")
    batches = input_pipeline.train_batches(source, batch_size=16, seed=0, num_threads=1)
    state = build.init_state(config)
    blocked, written = [], []
    with (
        tempfile.TemporaryDirectory() as folder,
        checkpoint.open_manager(Path(folder), keep=1) as manager,
    ):
        for step in range(1, SAVES + 1):
            state = dataclasses.replace(state, step=jnp.int32(step))
            begun = time.perf_counter()
            checkpoint.save(manager, state, batches, len(source), {})
            blocked.append(time.perf_counter() - begun)
            manager.wait_until_finished()
            written.append(time.perf_counter() - begun)
    batches.close()
    return {
        "networks": name,
        "state_mb": round(sum(leaf.nbytes for leaf in jax.tree.leaves(state)) / 1e6),
        "blocked_seconds": round(statistics.median(blocked), 2),
        "written_after_seconds": round(statistics.median(written), 2),
    }


def main() -> None:
    """Prints the lines."""
    argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    ).parse_args()
    runtime.prepare()
    for name, config in (
        ("configs/openmoji.py", openmoji.get_config()),
        ("configs/sketch2color.py", sketch2color.get_config()),
    ):
        print(json.dumps(measure(name, config)), flush=True)


if __name__ == "__main__":
    main()
