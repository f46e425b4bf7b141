"""Measures how good a run's colourings of its validation pairs are.

python -m s2c_jax.evaluate --workdir runs/openmoji
python -m s2c_jax.evaluate --workdir runs/openmoji --all

writes evaluation/ into the workdir: metrics.json, metrics.md (the same as a table, which is printed
too), for each checkpoint a sheet of the best, the median and the worst pictures, and TensorBoard's
scalars by step.
"""

import argparse
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import scipy.ndimage
import tensorboardX
from jaxtyping import Float
from PIL import Image

from s2c_jax import checkpoint, files, images, input_pipeline, metrics
from s2c_jax import config as config_lib
from s2c_jax.checkpoint import BEST_BY
from s2c_jax.colorize import Colorizer, step_argument
from s2c_jax.errors import UserError
from s2c_jax.inference import BATCH_SIZE, Pictures

# Examples of each kind on a sheet.
_EXAMPLES = 8
# Training pairs that the mean colour is taken from; the first ones are as good as any, since the
# order of prepared pairs is that of a hash.
_MEAN_COLOR_PAIRS = 2048
# How the table calls the metrics, and which way they are better.
_HEADINGS = {
    "mae": "MAE ↓",
    "psnr": "PSNR ↑",
    "ssim": "SSIM ↑",
    "ciede2000": "CIEDE2000 ↓",
    "ciede2000_hue": "hue ↓",
    "colorfulness": "colourfulness → 1",
    "leakage": "leakage ↓",
    "line_loss": "line loss ↓",
    "checkerboard": "checkerboard ↓",
    "lpips": "LPIPS ↓",
    "fid": "FID ↓",
}

Colorize = Callable[[Pictures], Pictures]


class Scores(NamedTuple):
    """How good a colouring of many sketches is.

    Attributes:
        metrics: see `metrics.measure`, over all pictures.
        ranking: the indices of the pictures whose truth is coloured, from the smallest `BEST_BY`
            of its own to the largest.
    """

    metrics: dict[str, float]
    ranking: list[int]


def score(colorize: Colorize, source: Any, count: int) -> Scores:
    """Measures a colouring: a network's, or anything else that makes pictures of sketches.

    The same pictures give the same numbers to the last digit. Pairs are read, coloured and measured
    a batch at a time.

    Args:
        colorize: from sketches to their colourings.
        source: pairs, from `input_pipeline.open_split`.
        count: how many of them, from the first on.
    """
    sums: dict[str, metrics.Ratio] = {}
    ranked: list[tuple[float, int]] = []
    with ThreadPoolExecutor() as pool:
        count = min(count, len(source))
        for start in range(0, count, BATCH_SIZE):
            indices = range(start, min(start + BATCH_SIZE, count))
            pairs = input_pipeline.read_pairs(source, indices)
            colored = colorize(pairs["sketch"])
            measured = pool.map(metrics.measure, pairs["sketch"], colored, pairs["color"])
            for i, found in zip(indices, measured, strict=True):
                sums = {name: ratio.plus(sums.get(name)) for name, ratio in found.items()}
                if found[BEST_BY].weight:
                    ranked.append((found[BEST_BY].value, i))
    return Scores(
        {name: ratio.value for name, ratio in sums.items()}, [i for _, i in sorted(ranked)]
    )


def mean_color(source: Any) -> Float[np.ndarray, "3"]:
    """Returns the mean colour of what is coloured in pairs, in [0, 255]; white if nothing is."""
    total, count = np.zeros(3), 0
    for i in range(min(len(source), _MEAN_COLOR_PAIRS)):
        pair = input_pipeline.read_pairs(source, [i])
        colors, pixels = metrics.colored_pixels(pair["sketch"][0], pair["color"][0])
        total, count = total + colors, count + pixels
    return total / count if count else np.full(3, 255.0)


def fill(color: Float[np.ndarray, "3"], sketches: Pictures) -> Pictures:
    """Paints everything that dark lines enclose with one colour, under the lines."""
    filled = np.empty_like(sketches)
    for i, sketch in enumerate(sketches):
        inside = scipy.ndimage.binary_fill_holes(sketch.mean(axis=-1) < 128)
        painted = np.round(sketch / 255 * color).astype(np.uint8)
        filled[i] = np.where(inside[..., None], painted, sketch)
    return filled


def evaluate(workdir: Path, steps: Sequence[int | str], num_pairs: int | None = None) -> None:
    """Evaluates checkpoints of a run on its validation split, and writes what it finds.

    Args:
        workdir: the run's.
        steps: which checkpoints, see `checkpoint.find`.
        num_pairs: how many validation pairs, from the first on; None is all.

    Raises:
        UserError: there is no such run, checkpoint or data, or the workdir cannot be written.
    """
    config = config_lib.load(workdir / "config.json")
    colorizer = Colorizer(workdir, steps[0])
    train, validation = (
        input_pipeline.open_split(
            config.dataset.name, config.image_size, split, config.dataset.data_dir
        )
        for split in ("train", "validation")
    )
    count = min(num_pairs or len(validation), len(validation))
    color = mean_color(train)
    baselines: dict[str, Colorize] = {
        "the sketch itself": lambda sketches: sketches,
        "the mean colour": lambda sketches: fill(color, sketches),
    }
    output = workdir / "evaluation"
    try:
        output.mkdir(parents=True, exist_ok=True)
        rows = {name: score(fake, validation, count).metrics for name, fake in baselines.items()}
        found: dict[str, Any] = {
            "dataset": f"{config.dataset.name}/{config.image_size}",
            "split": "validation",
            "pairs": count,
            "baselines": dict(rows),
            "checkpoints": {},
        }
        with tensorboardX.SummaryWriter(str(output)) as writer:
            for step in steps:
                colorizer.load(step)
                scores = score(colorizer.colorize_squares, validation, count)
                rows[f"step {colorizer.step}"] = scores.metrics
                found["checkpoints"][str(colorizer.step)] = scores.metrics
                for name, value in scores.metrics.items():
                    writer.add_scalar(f"evaluation/{name}", value, colorizer.step)
                if scores.ranking:
                    images.write_png(
                        ranked_sheet(colorizer.colorize_squares, validation, scores.ranking),
                        output / f"step_{colorizer.step}.png",
                    )
        files.write_whole(output / "metrics.json", (json.dumps(found, indent=2) + "\n").encode())
        files.write_whole(output / "metrics.md", table(rows).encode())
    except OSError as error:
        raise UserError(f"{output} cannot be written ({error.strerror or error})") from None
    print(table(rows), end="")
    print(f"{count} validation pairs; {output} has the numbers and the sheets")


def ranked_sheet(colorize: Colorize, source: Any, ranking: Sequence[int]) -> Image.Image:
    """Lays out the best, the median and the worst pictures, each beside sketch and truth."""
    shown = min(_EXAMPLES, len(ranking))
    middle = (len(ranking) - shown) // 2
    columns, titles = [], []
    for name, part in (
        ("best", ranking[:shown]),
        ("median", ranking[middle : middle + shown]),
        ("worst", ranking[::-1][:shown]),
    ):
        pairs = input_pipeline.read_pairs(source, part)
        columns += [pairs["sketch"], colorize(pairs["sketch"]), pairs["color"]]
        titles += ["sketch", name, "truth"]
    return images.sheet(columns, titles, groups=1)


def table(rows: Mapping[str, Mapping[str, float]]) -> str:
    """Returns a Markdown table with a row for each colouring, its columns aligned."""
    names = [name for name in _HEADINGS if any(name in row for row in rows.values())]
    cells = [["", *(_HEADINGS[name] for name in names)]]
    for title, row in rows.items():
        cells.append([title, *(f"{row[name]:.4f}" for name in names)])
    widths = [max(len(row[i]) for row in cells) for i in range(len(cells[0]))]
    cells.insert(1, ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])])

    def line(row: Sequence[str]) -> str:
        first, *rest = (
            cell.rjust(width) if i else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        return f"| {' | '.join([first, *rest])} |\n"

    return "".join(line(row) for row in cells)


def main(arguments: Sequence[str] | None = None) -> None:
    """Reads the flags and evaluates.

    Args:
        arguments: the command line behind the program's name; None is the process's own.
    """
    parser = argparse.ArgumentParser("python -m s2c_jax.evaluate", description=__doc__)
    parser.add_argument("--workdir", type=Path, required=True, help="of the training run")
    parser.add_argument("--step", type=step_argument, default="last",
                        help="which checkpoint: its step, last (the default) or best")  # fmt: skip
    parser.add_argument("--all", action="store_true", help="every checkpoint that is kept")
    parser.add_argument("--num_pairs", type=int, default=0, metavar="N",
                        help="the first N validation pairs only")  # fmt: skip
    flags = parser.parse_args(arguments)
    if flags.num_pairs < 0:
        parser.error("--num_pairs must not be negative")
    try:
        steps = checkpoint.steps(flags.workdir) if flags.all else []
        evaluate(flags.workdir, steps or [flags.step], flags.num_pairs or None)
    except UserError as error:
        sys.exit(f"s2c_jax: {error}")


if __name__ == "__main__":
    main()
