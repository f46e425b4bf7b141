"""Compares this package's training step and inference with PyTorch's and TensorFlow's.

python experiments/benchmarks/step.py --python pytorch=TORCH_ENV/bin/python \
    --python tensorflow=TF_ENV/bin/python

prints one line of JSON for each measurement, and a table of medians at the end. Each measurement is
a process of its own; rounds go through all implementations in turn, so that what else the machine
does hits all alike. One whose packages the named Python lacks is left out, and said to be.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

if __package__ is None:
    # In this folder's place, whose modules' names others have too.
    sys.path[0] = str(Path(__file__).parents[2])

from experiments.benchmarks.measure import DISCRIMINATOR, GENERATOR

ROOT = Path(__file__).parents[2]
PEERS = ("s2c_jax", "pytorch", "tensorflow")
NEEDS = {"s2c_jax": "jax", "pytorch": "torch", "tensorflow": "tensorflow"}

# The most of what `runtime.keep_memory` does for this package, for the others; and large pages.
KEEP_MEMORY = {
    "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1",
    "MALLOC_ARENA_MAX": "1",
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": "100000000000",
}
_COLUMNS = {
    "train_images_per_second": "train images/s",
    "infer_images_per_second": "inference images/s",
    "peak_memory_mb": "peak memory MB",
    "compile_seconds": "compilation s",
    "first_step_seconds": "to the first step s",
}


def flop(size: int) -> tuple[float, float]:
    """Floating-point operations of one picture: of a training step, and of inference.

    Those of convolutions as they are defined, whatever computes them, and of nothing else. Training
    has three products a layer (values, and both gradients): of the generator, and of the
    discriminator for the true and the generated picture; and two through the updated discriminator.
    """
    generator = discriminator = 0
    inputs, side = 3, size
    for outputs in GENERATOR:
        side //= 2
        generator += 2 * side**2 * 16 * inputs * outputs
        inputs = outputs
    for outputs in (*GENERATOR[-2::-1], 3):
        generator += 2 * side**2 * 16 * inputs * outputs
        inputs, side = 2 * outputs, 2 * side
    inputs, side = 6, size
    for outputs in DISCRIMINATOR:
        side //= 2
        discriminator += 2 * side**2 * 16 * inputs * outputs
        inputs = outputs
    for outputs in (inputs, 1):
        side -= 1
        discriminator += 2 * side**2 * 4 * inputs * outputs
    return 3 * generator + 8 * discriminator, generator


def run(python: str, module: str, arguments: list[str], environment: dict[str, str]) -> dict:
    """Runs a script of this folder and returns the line that it printed."""
    finished = subprocess.run(
        [python, "-m", f"experiments.benchmarks.{module}", *arguments],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    if finished.returncode:
        sys.exit(f"{module} failed:\n{finished.stderr}")
    return json.loads(finished.stdout.splitlines()[-1])


def table(lines: list[dict], ceiling: dict, size: int) -> str:
    """Returns medians of measurements as Markdown, in the order of the first round."""
    found = defaultdict(list)
    for line in lines:
        found[line["peer"], line["batch"]].append(line)
    medians = {
        key: {column: statistics.median(line[column] for line in group) for column in _COLUMNS}
        for key, group in found.items()
    }
    titles = ["batch", *_COLUMNS.values()]
    titles[2:2] = ["ratio to the fastest peer", "share of the product's ceiling"]
    titles[5:5] = ["ratio", "share"]
    rows = [f"| | {' | '.join(titles)} |", f"| --- |{' ---: |' * len(titles)}"]
    for (peer, batch), values in medians.items():
        cells = [str(batch)]
        for column, value in values.items():
            cells.append(f"{value:g}")
            if not column.endswith("images_per_second"):
                continue
            fastest = max(
                (
                    other[column]
                    for (name, its_batch), other in medians.items()
                    if its_batch == batch and not name.startswith("s2c_jax")
                ),
                default=float("nan"),
            )
            per_picture = flop(size)[column.startswith("infer")]
            share = value * per_picture / ceiling["matmul_gflop_per_second"] / 1e9
            cells += [f"{value / fastest:.2f}", f"{share:.0%}"]
        rows.append(f"| {peer} | {' | '.join(cells)} |")
    return "\n".join(rows)


def main() -> None:
    """Measures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--batch", type=int, nargs="+", default=[4])
    parser.add_argument("--precision", choices=("float32", "bfloat16"), default="float32")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=7, help="timed calls in each process")
    parser.add_argument("--calls", type=int, default=1, help="calls between two looks at the clock")
    parser.add_argument("--peers", nargs="+", choices=PEERS, default=PEERS)
    parser.add_argument(
        "--python",
        action="append",
        default=[],
        metavar="PEER=FILE",
        help="the Python of a peer, if it is not this one",
    )
    options = parser.parse_args()
    pythons = dict.fromkeys(PEERS, sys.executable) | dict(
        each.split("=", 1) for each in options.python
    )
    peers = []
    for peer in options.peers:
        command = [pythons[peer], "-c", f"import {NEEDS[peer]}"]
        if subprocess.run(command, capture_output=True, check=False).returncode:
            print(f"{peer} is left out: {pythons[peer]} has no {NEEDS[peer]}", file=sys.stderr)
        else:
            peers.append(peer)
    precision = ["--precision", options.precision]
    ceiling = run(pythons["s2c_jax"], "ceilings", precision, {})
    print(json.dumps(ceiling), flush=True)
    on_cpu = ceiling["ceiling"] == "cpu"
    lines = []
    for _ in range(options.rounds):
        for batch in options.batch:
            for peer in peers:
                environments = {"": {}}
                if on_cpu and peer != "s2c_jax" and sys.platform == "linux":
                    environments[", memory kept"] = KEEP_MEMORY
                for suffix, environment in environments.items():
                    arguments = [
                        *precision,
                        *("--size", str(options.size), "--batch", str(batch)),
                        *("--steps", str(options.steps), "--calls", str(options.calls)),
                    ]
                    line = run(pythons[peer], f"peer_{peer}", arguments, environment)
                    line["peer"] += suffix
                    print(json.dumps(line), flush=True)
                    lines.append(line)
    print(table(lines, ceiling, options.size))


if __name__ == "__main__":
    main()
