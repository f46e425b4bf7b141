"""Compares this package's training step and inference with PyTorch's and TensorFlow's.

python experiments/benchmarks/step.py --python pytorch=TORCH_ENV/bin/python \
    --python tensorflow=TF_ENV/bin/python

prints one line of JSON for each measurement, and a table of medians at the end. Each measurement
runs in its own process. Each round runs all implementations in turn, so that other load on the
machine slows all of them alike. An implementation whose packages its Python lacks is left out, with
a message.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

if __package__ is None:
    # Started as a file: search the repository's root instead of this folder, whose modules share
    # their names with other packages.
    sys.path[0] = str(Path(__file__).parents[2])

from experiments.benchmarks.measure import add_options, flop

ROOT = Path(__file__).parents[2]

# Each implementation, and the package that its Python needs.
PEERS = {"s2c_jax": "jax", "pytorch": "torch", "tensorflow": "tensorflow"}

# Gives the other implementations most of what `runtime.keep_memory` does for this package, and huge
# pages.
KEEP_MEMORY = {
    "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1",
    "MALLOC_ARENA_MAX": "1",
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": "100000000000",
}
COLUMNS = {
    "train_images_per_second": "train images/s",
    "infer_images_per_second": "inference images/s",
    "peak_memory_mb": "peak memory MB",
    "compile_seconds": "compilation s",
    "first_step_seconds": "to the first step s",
}


def run(
    python: str, module: str, arguments: list[str], environment: Mapping[str, str]
) -> dict[str, Any]:
    """Runs a script of this folder, and returns the line that it printed."""
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
    line: dict[str, Any] = json.loads(finished.stdout.splitlines()[-1])
    return line


def table(lines: list[dict[str, Any]], ceiling: Mapping[str, Any], size: int) -> str:
    """Returns medians of measurements as Markdown, in the order of the first round."""
    groups = defaultdict(list)
    for line in lines:
        groups[line["peer"], line["batch"]].append(line)
    medians = {
        key: {column: statistics.median(line[column] for line in group) for column in COLUMNS}
        for key, group in groups.items()
    }
    titles = ["batch", *COLUMNS.values()]
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
                    for (other_peer, other_batch), other in medians.items()
                    if other_batch == batch and not other_peer.startswith("s2c_jax")
                ),
                default=float("nan"),
            )
            flop_per_picture = flop(size)[column.startswith("infer")]
            share = value * flop_per_picture / ceiling["matmul_gflop_per_second"] / 1e9
            cells += [f"{value / fastest:.2f}", f"{share:.0%}"]
        rows.append(f"| {peer} | {' | '.join(cells)} |")
    return "\n".join(rows)


def parse_options() -> argparse.Namespace:
    """Parses the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--batch", type=int, nargs="+", default=[4])
    add_options(parser, steps=7)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--peers", nargs="+", choices=PEERS, default=list(PEERS))
    parser.add_argument(
        "--python",
        action="append",
        default=[],
        metavar="PEER=FILE",
        help="the Python of a peer, if it is not this one",
    )
    return parser.parse_args()


def available_peers(peers: list[str], pythons: Mapping[str, str]) -> list[str]:
    """Returns the peers whose Python has their package, and reports the others."""
    available = []
    for peer in peers:
        command = [pythons[peer], "-c", f"import {PEERS[peer]}"]
        if subprocess.run(command, capture_output=True, check=False).returncode:
            print(f"{peer} is left out: {pythons[peer]} has no {PEERS[peer]}", file=sys.stderr)
        else:
            available.append(peer)
    return available


def measurements(
    options: argparse.Namespace, pythons: Mapping[str, str], *, on_cpu: bool
) -> Iterator[dict[str, Any]]:
    """Yields the line of each measurement, round by round."""
    peers = available_peers(options.peers, pythons)
    for _ in range(options.rounds):
        for batch in options.batch:
            arguments = ["--batch", str(batch)]
            for name in ("size", "precision", "steps", "calls"):
                arguments += [f"--{name}", str(getattr(options, name))]
            for peer in peers:
                environments: dict[str, Mapping[str, str]] = {"": {}}
                if on_cpu and peer != "s2c_jax" and sys.platform == "linux":
                    environments[", memory kept"] = KEEP_MEMORY
                for suffix, environment in environments.items():
                    line = run(pythons[peer], f"peer_{peer}", arguments, environment)
                    line["peer"] += suffix
                    yield line


def main() -> None:
    """Prints the lines and the table."""
    options = parse_options()
    pythons = dict.fromkeys(PEERS, sys.executable)
    pythons |= dict(each.split("=", 1) for each in options.python)
    ceiling = run(pythons["s2c_jax"], "ceilings", ["--precision", options.precision], {})
    print(json.dumps(ceiling), flush=True)
    lines = []
    for line in measurements(options, pythons, on_cpu=ceiling["ceiling"] == "cpu"):
        print(json.dumps(line), flush=True)
        lines.append(line)
    print(table(lines, ceiling, options.size))


if __name__ == "__main__":
    main()
