"""Compares the colouring of many files with the network alone, and times a cold start.

python experiments/benchmarks/colorize.py

makes sketches and a checkpoint of the article's generator, untrained, in a temporary folder, and
prints a line of JSON.
"""

import argparse
import contextlib
import io
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

if __package__ is None:
    # Started as a file: search the repository's root instead of this folder, whose modules share
    # their names with other packages.
    sys.path[0] = str(Path(__file__).parents[2])

import jax
import numpy as np
from PIL import Image, ImageDraw

from configs import sketch2color
from experiments.benchmarks.measure import median_seconds
from s2c_jax import checkpoint, runtime
from s2c_jax.inference.batches import colorize_files
from s2c_jax.inference.batching import batch_size
from s2c_jax.inference.colorizer import Colorizer
from s2c_jax.inference.jobs import Job, find_jobs
from s2c_jax.training import build
from s2c_jax.training.workdir import claim_workdir

ROOT = Path(__file__).parents[2]

ROUNDS = 3
# Factor of the output layer's initial weights. An untrained network paints noise, which takes PNG
# 2.8 ms. With this factor a picture takes PNG 1.8 ms and 25 kB, like the example sketches at 256 px
# coloured by the demo's network (1.5 to 1.8 ms, 23 to 37 kB).
OUTPUT_SCALE = 0.2


def make_run(workdir: Path, size: int) -> None:
    """Writes a workdir with an untrained checkpoint, which `Colorizer` can read."""
    config = sketch2color.get_config()
    config.image_size = size
    with claim_workdir(config, workdir), checkpoint.open_manager(workdir, keep=1) as manager:
        state = build.init_state(config)
        state.generator.params["output"]["kernel"] *= OUTPUT_SCALE
        checkpoint.save(manager, state)


def make_sketches(folder: Path, count: int, size: int) -> None:
    """Writes sketches of arcs."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    for i in range(count):
        sketch = Image.new("L", (size, size), 255)
        draw = ImageDraw.Draw(sketch)
        for _ in range(12):
            corners = np.sort(rng.integers(0, size, (2, 2)), axis=0)
            draw.arc([*corners[0], *(corners[1] + 1)], *rng.integers(0, 360, 2), fill=0, width=2)
        sketch.save(folder / f"{i:04d}.png")


def bare_images_per_second(colorizer: Colorizer, size: int) -> float:
    """Returns the speed of the network alone, on a batch in memory."""
    batch = np.full((batch_size(), size, size, 3), 255, np.uint8)
    return batch_size() / median_seconds(
        lambda: colorizer.colorize_squares(batch), jax.block_until_ready, groups=10
    )


def files_images_per_second(colorizer: Colorizer, jobs: list[Job]) -> float:
    """Returns the speed from files to files."""
    begun = time.perf_counter()
    with contextlib.redirect_stdout(io.StringIO()):
        written, _ = colorize_files(colorizer, jobs, overwrite=True)
    return written / (time.perf_counter() - begun)


def cold_start_seconds(workdir: Path, sketch: Path, output: Path, cache: Path) -> float:
    """Returns the time from the command's start to its end, for one picture."""
    command = [sys.executable, "-m", "s2c_jax.colorize", "--workdir", workdir, "--overwrite"]
    begun = time.perf_counter()
    subprocess.run(
        [*command, sketch, "--output", output],
        env={**os.environ, "JAX_COMPILATION_CACHE_DIR": str(cache)},
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    return time.perf_counter() - begun


def measure(folder: Path, size: int, count: int) -> dict[str, object]:
    """Measures, with all files in a folder."""
    make_run(folder / "run", size)
    make_sketches(folder / "sketches", count, size)
    colorizer = Colorizer(folder / "run")
    jobs = find_jobs([folder / "sketches"], folder / "colored")
    bare, files = [], []
    for _ in range(ROUNDS):
        bare.append(bare_images_per_second(colorizer, size))
        files.append(files_images_per_second(colorizer, jobs))
    cold: dict[str, list[float]] = {"compiling": [], "compiled before": []}
    one = (folder / "run", folder / "sketches" / "0000.png", folder / "one.png")
    for number in range(ROUNDS):
        for seconds in cold.values():
            seconds.append(cold_start_seconds(*one, folder / f"cache_{number}"))
    shares = [whole / network for whole, network in zip(files, bare, strict=True)]
    return {
        "size": size,
        "files": count,
        "bare_images_per_second": round(statistics.median(bare), 2),
        "files_images_per_second": round(statistics.median(files), 2),
        "share_of_bare": round(statistics.median(shares), 3),
        "cold_start_seconds": {
            title: round(statistics.median(seconds), 2) for title, seconds in cold.items()
        },
    }


def main() -> None:
    """Prints one line of JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--count", type=int, default=1000)
    options = parser.parse_args()
    runtime.keep_memory()
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps(measure(Path(folder), options.size, options.count)))


if __name__ == "__main__":
    main()
