"""Measures the colouring of many files against the bare network, and a cold start.

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
    # In this folder's place, whose modules' names others have too.
    sys.path[0] = str(Path(__file__).parents[2])

import numpy as np
from PIL import Image, ImageDraw

from configs import sketch2color
from s2c_jax import checkpoint, runtime
from s2c_jax.inference.batches import colorize_files
from s2c_jax.inference.batching import batch_size
from s2c_jax.inference.colorizer import Colorizer
from s2c_jax.inference.jobs import find_jobs
from s2c_jax.training import build

ROUNDS = 3
# An untrained network paints noise, and PNG takes 2.8 ms for that. With so much of it it takes 1.8
# ms for 25 kB, as for the example sketches at 256 px, coloured by the demo's network (1.5 to 1.8
# ms, 23 to 37 kB).
NOISE = 0.2


def make_run(workdir: Path, size: int) -> None:
    """Writes what `Colorizer` reads."""
    config = sketch2color.get_config()
    config.image_size = size
    with (
        workdir.claim_workdir(config, workdir),
        checkpoint.open_manager(workdir, keep=1) as manager,
    ):
        state = build.init_state(config)
        state.generator.params["output"]["kernel"] *= NOISE
        checkpoint.save_initial(manager, state)


def make_sketches(folder: Path, count: int, size: int) -> None:
    """Writes sketches of curved lines."""
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
    """The network's rate on batches that are in memory."""
    batch = np.full((batch_size(), size, size, 3), 255, np.uint8)
    times = []
    for _ in range(12):
        begun = time.perf_counter()
        colorizer.colorize_squares(batch)
        times.append(time.perf_counter() - begun)
    return batch_size() / statistics.median(times[2:])


def cold_start_seconds(workdir: Path, sketch: Path, output: Path, cache: Path) -> float:
    """From starting the command to its end, with one picture."""
    command = [sys.executable, "-m", "s2c_jax.colorize", "--workdir", workdir, "--overwrite"]
    begun = time.perf_counter()
    subprocess.run(
        [*command, sketch, "--output", output],
        env={**os.environ, "JAX_COMPILATION_CACHE_DIR": str(cache)},
        cwd=Path(__file__).parents[2],
        check=True,
        capture_output=True,
    )
    return time.perf_counter() - begun


def main() -> None:
    """Measures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--count", type=int, default=1000)
    options = parser.parse_args()
    runtime.keep_memory()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_run(folder / "run", options.size)
        make_sketches(folder / "sketches", options.count, options.size)
        colorizer = Colorizer(folder / "run")
        jobs = find_jobs([folder / "sketches"], folder / "colored")
        bare, whole = [], []
        for _ in range(ROUNDS):
            bare.append(bare_images_per_second(colorizer, options.size))
            begun = time.perf_counter()
            with contextlib.redirect_stdout(io.StringIO()):
                written, _ = colorize_files(colorizer, jobs, overwrite=True)
            whole.append(written / (time.perf_counter() - begun))
        cold: dict[str, list[float]] = {"compiling": [], "compiled before": []}
        for number in range(ROUNDS):
            for seconds in cold.values():
                seconds.append(
                    cold_start_seconds(
                        folder / "run",
                        folder / "sketches" / "0000.png",
                        folder / "one.png",
                        folder / f"cache_{number}",
                    )
                )
    shares = [files / network for files, network in zip(whole, bare, strict=True)]
    line = {
        "size": options.size,
        "files": options.count,
        "bare_images_per_second": round(statistics.median(bare), 2),
        "files_images_per_second": round(statistics.median(whole), 2),
        "share_of_bare": round(statistics.median(shares), 3),
        "cold_start_seconds": {
            title: round(statistics.median(seconds), 2) for title, seconds in cold.items()
        },
    }
    print(json.dumps(line))


if __name__ == "__main__":
    main()
