"""Measures the runs of experiments.quality.run, and writes a table, numbers and pictures.

python -m experiments.quality.measure

writes results.json and rows.webp, the first held-out drawings as each row colours them, into
runs/quality/. Rows without runs are left out.
"""

import argparse
import functools
import json
import statistics
from pathlib import Path
from typing import NamedTuple

import jax

from experiments import runs
from experiments.quality.run import WORKDIRS
from s2c_jax import checkpoint
from s2c_jax.datasets import input_pipeline
from s2c_jax.distributed import replicated_sharding
from s2c_jax.evaluation.scoring import Colorize, score
from s2c_jax.inference.generate import make_generate
from s2c_jax.inference.load import load_generator

NUM_PICTURES = 12
METRICS = ("ciede2000", "ciede2000_hue", "colorfulness", "leakage", "line_loss", "checkerboard",
           "mae", "ssim")  # fmt: skip


class Row(NamedTuple):
    """A row of the table.

    Attributes:
        run: a key of `run.RUNS`.
        averaged: whether the moving average of the generator colours, or the trained generator.
    """

    run: str
    averaged: bool = True


ROWS = {
    "the article's recipe": Row("article", averaged=False),
    "+ moving average": Row("article"),
    "+ learning rate 0.001 (A)": Row("rate"),
    "A + adversarial weight 0.2": Row("adversarial"),
    "A + mirroring": Row("mirror"),
    "A + mirroring, jitter": Row("mirror_jitter"),
    "A + resize-convolution": Row("resize"),
    "A + no dropout": Row("no_dropout"),
    "A + a judgement per patch (B)": Row("patches"),
    "A + weight 0.2, mirroring, resize (C)": Row("together"),
    "C + no dropout": Row("together_no_dropout"),
}


def load_colorize(workdir: Path, *, averaged: bool) -> Colorize:
    """Returns the colouring by a run's last checkpoint."""
    trained = load_generator(workdir, "last")
    variables = trained.variables
    if not averaged:
        _, variables = checkpoint.restore_generator(workdir, variables, "last", averaged=False)
    generate = make_generate(trained.generator)
    return functools.partial(generate, jax.device_put(variables, replicated_sharding()))


def table(results: dict[str, list[dict[str, float]]]) -> str:
    """Returns a Markdown table: means over the seeds, and the first metric's deviation."""
    lines = [
        f"| | seeds | {' | '.join(METRICS)} |",
        f"| --- | --- |{' ---: |' * len(METRICS)}",
    ]
    for title, seeds in results.items():
        cells = [f"{statistics.mean(each[metric] for each in seeds):.4f}" for metric in METRICS]
        values = [each[METRICS[0]] for each in seeds]
        spread = f" ± {statistics.stdev(values):.2f}" if len(values) > 1 else ""
        cells[0] = f"{statistics.mean(values):.2f}{spread}"
        lines.append(f"| {title} | {len(seeds)} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    """Measures the runs that exist."""
    argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    ).parse_args()
    validation = input_pipeline.open_split("openmoji_sketch", 64, "validation")
    pairs = input_pipeline.read_pairs(validation, range(NUM_PICTURES))
    results: dict[str, list[dict[str, float]]] = {}
    strips = [runs.strip(pairs["sketch"], "sketch")]
    for title, row in ROWS.items():
        workdirs = [path for path in (WORKDIRS / row.run).glob("*") if checkpoint.all_steps(path)]
        for workdir in sorted(workdirs, key=lambda path: int(path.name)):
            colorize = load_colorize(workdir, averaged=row.averaged)
            scores = score(colorize, validation, len(validation))
            results.setdefault(title, []).append(scores.metrics)
            if len(results[title]) == 1:
                strips.append(runs.strip(colorize(pairs["sketch"]), title))
    strips.append(runs.strip(pairs["color"], "truth"))
    runs.write_strips(strips, WORKDIRS / "rows.webp")
    (WORKDIRS / "results.json").write_text(json.dumps(results, indent=2) + "\n")
    print(table(results))


if __name__ == "__main__":
    main()
