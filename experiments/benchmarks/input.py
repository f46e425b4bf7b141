"""Measures the input pipeline: from prepared data to batches on the device.

python -m s2c_jax.datasets openmoji_sketch/256 --decoded
python experiments/benchmarks/input.py --sizes 256 --threads 1 2 4

prints lines of JSON. For each size, storage of the pictures (PNG, and decoded if prepared) and
number of threads: pairs a second, and the process's memory after each of ten epochs. For each size:
the pairs a second that an H100 would take. For the demo's training: the share of its time in which
it waits for data.
"""

import argparse
import contextlib
import json
import sys
import time
from pathlib import Path

if __package__ is None:
    # Started as a file: search the repository's root instead of this folder, whose modules share
    # their names with other packages.
    sys.path[0] = str(Path(__file__).parents[2])

import jax
import tensorflow_datasets as tfds

from configs import openmoji
from experiments.benchmarks.measure import flop
from s2c_jax.datasets import input_pipeline
from s2c_jax.datasets.decoded import DecodedSource, path_of
from s2c_jax.datasets.pairs import open_records
from s2c_jax.training import build

EPOCHS = 10
# Measured at 512 px and batch 32: README.md, "GPU".
H100_PAIRS_PER_SECOND = 1180


def resident_mb() -> int:
    """Returns the memory of this process in MB, without the files that it maps."""
    _, resident, shared, *_ = map(int, Path("/proc/self/statm").read_text().split())
    return (resident - shared) * 4096 // 10**6


def training_sources(
    name: str, size: int, data_dir: str | None
) -> dict[str, input_pipeline.PairSource]:
    """Returns the training split by the storage of its pictures."""
    builder = tfds.builder(f"{name}/{size}", data_dir=data_dir)
    records = open_records(builder, "train")
    path = path_of(Path(builder.data_dir), "train")
    decoded = {"decoded": DecodedSource(path, len(records), size)} if path.exists() else {}
    return {"PNG": records, **decoded}


def read(source: input_pipeline.PairSource, threads: int, batch_size: int) -> dict[str, object]:
    """Reads ten epochs as fast as possible."""
    steps = input_pipeline.steps_per_epoch(source, batch_size)
    batches = input_pipeline.train_batches(
        source, batch_size=batch_size, seed=0, num_threads=threads
    )
    memory = []
    with contextlib.closing(batches):
        jax.block_until_ready(next(batches))
        begun = time.perf_counter()
        for _ in range(EPOCHS):
            for _ in range(steps):
                jax.block_until_ready(next(batches))
            memory.append(resident_mb())
        seconds = time.perf_counter() - begun
    return {
        "threads": threads,
        "batch": batch_size,
        "pairs_per_second": round(EPOCHS * steps * batch_size / seconds, 1),
        "memory_mb_after_epochs": memory,
    }


def wait_in_training(steps: int) -> dict[str, object]:
    """Trains the demo, and measures the time in which it waits for data."""
    config = openmoji.get_config()
    source = input_pipeline.open_split(config.dataset.name, config.image_size, "train")
    state = build.init_state(config)
    step = build.map_over_devices(build.build_step(config))
    batches = input_pipeline.train_batches(
        source,
        batch_size=config.batch_size,
        seed=0,
        num_threads=config.dataset.num_threads,
    )
    waited = 0.0
    with contextlib.closing(batches):
        state, metrics = step(state, next(batches))
        jax.block_until_ready(metrics)
        begun = time.perf_counter()
        for _ in range(steps):
            asked = time.perf_counter()
            batch = next(batches)
            waited += time.perf_counter() - asked
            state, metrics = step(state, batch)
            # Otherwise the device would compute while the host waits for the next batch.
            jax.block_until_ready(metrics)
        seconds = time.perf_counter() - begun
    return {
        "training": "configs/openmoji.py",
        "pairs_per_second": round(steps * config.batch_size / seconds, 1),
        "share_waiting_for_data": round(waited / seconds, 4),
    }


def main() -> None:
    """Prints the lines."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--dataset", default="openmoji_sketch")
    parser.add_argument("--data_dir", help="the folder of prepared data; default: TFDS's own")
    parser.add_argument("--sizes", type=int, nargs="+", default=[64])
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2, 4])
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--steps", type=int, default=168, help="steps of the demo's training")
    options = parser.parse_args()
    for size in options.sizes:
        if size >= 256:  # The article's network halves a picture eight times.
            needed = H100_PAIRS_PER_SECOND * flop(512)[0] / flop(size)[0]
            line = {"size": size, "h100_would_take_pairs_per_second": round(needed)}
            print(json.dumps(line), flush=True)
        for storage, source in training_sources(options.dataset, size, options.data_dir).items():
            for threads in options.threads:
                line = {"dataset": options.dataset, "size": size, "kept": storage}
                print(json.dumps(line | read(source, threads, options.batch)), flush=True)
    print(json.dumps(wait_in_training(options.steps)), flush=True)


if __name__ == "__main__":
    main()
