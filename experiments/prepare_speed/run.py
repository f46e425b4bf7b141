"""Measures the time and memory of preparing synthetic archives in Kaggle's layout.

python -m experiments.prepare_speed.run --pairs 1500 3000 6000 --size 256
"""

import argparse
import io
import json
import os
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image

# Different pictures in an archive, which repeats them.
DIFFERENT = 16


def synthetic_file(rng: np.random.Generator) -> bytes:
    """Returns a PNG that decodes about as slowly as a real one: soft colours, grain and lines."""
    rows, columns = np.mgrid[:512, :512] / 512
    waves = rng.uniform(1, 6, (3, 2))
    color = np.stack([np.sin(columns * a + rows * b) for a, b in waves], axis=-1) * 60 + 180
    color += rng.normal(0, 1.3, color.shape)
    sketch = np.where(np.abs(np.sin(rows * 40 + np.sin(columns * 30) * 3)) < 0.1, 60, 252)
    sketch = sketch + rng.normal(0, 0.8, sketch.shape)
    both = np.concatenate([color, np.repeat(sketch[..., None], 3, axis=-1)], axis=1)
    buffer = io.BytesIO()
    Image.fromarray(np.clip(both, 0, 255).astype(np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


def write_archive(path: Path, pairs: int) -> float:
    """Writes an archive, and returns the mean size of its pictures in kB."""
    rng = np.random.default_rng(0)
    different = [synthetic_file(rng) for _ in range(DIFFERENT)]
    colors = {str(i + 1): [200, 100, 50] for i in range(4)}
    colorgram = json.dumps({str(band + 1): colors for band in range(4)})
    with zipfile.ZipFile(path, "w") as archive:
        for i in range(pairs):
            folder = "val" if i % 5 == 0 else "train"
            archive.writestr(f"data/{folder}/{i}.png", different[i % DIFFERENT])
            archive.writestr(f"data/colorgram/{i}.json", colorgram)
    return sum(map(len, different)) / DIFFERENT / 1000


def prepare(folder: str, size: int) -> tuple[float, float]:
    """Prepares the archive by the command, and returns its seconds and its peak memory in MB."""
    command = [sys.executable, "-m", "s2c_jax.datasets", f"anime_sketch_colorization/{size}"]
    command += ["--manual_dir", folder, "--data_dir", f"{folder}/prepared"]
    started = time.perf_counter()
    with subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        log = process.stderr.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(log)
    return time.perf_counter() - started, usage.ru_maxrss / 1024


def main() -> None:
    """Prints one line for each number of pairs."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pairs", type=int, nargs="+", default=[1500, 3000, 6000])
    parser.add_argument("--size", type=int, default=256)
    flags = parser.parse_args()
    for pairs in flags.pairs:
        with tempfile.TemporaryDirectory() as folder:
            kilobytes = write_archive(Path(folder) / "anime-sketch-colorization-pair.zip", pairs)
            seconds, mebibytes = prepare(folder, flags.size)
        print(
            f"{pairs} pairs of {kilobytes:.0f} kB, {flags.size} px, {os.cpu_count()} cores: "
            f"{seconds:.1f} s, {pairs / seconds:.1f} pairs/s, peak memory {mebibytes:.0f} MiB",
            flush=True,
        )


if __name__ == "__main__":
    main()
