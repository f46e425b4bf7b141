"""Measures how good a run's colourings of its validation pairs are.

python -m s2c_jax.evaluate --workdir runs/openmoji
python -m s2c_jax.evaluate --workdir runs/openmoji --all

writes evaluation/ into the workdir: metrics.json, metrics.md (the same as a table, which is printed
too), for each checkpoint a sheet of the best, the median and the worst pictures, and TensorBoard's
scalars by step.
"""

import argparse
import functools
import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
import scipy.ndimage
import tensorboardX
from jaxtyping import Array, Float
from PIL import Image

from s2c_jax import checkpoint, files, frechet, images, input_pipeline, metrics
from s2c_jax import config as config_lib
from s2c_jax.augment import normalize
from s2c_jax.checkpoint import BEST_BY
from s2c_jax.colorize import Colorizer, step_argument
from s2c_jax.errors import UserError
from s2c_jax.inference import BATCH_SIZE, Pictures, in_batches
from s2c_jax.models import inception, lpips

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


class Networks(NamedTuple):
    """The networks of the metrics that need weights' files; None leaves a metric out.

    Attributes:
        lpips: from two batches of pictures to their distances.
        inception: from a batch of pictures to its features.
        true_features: what `inception` makes of the true pictures.
    """

    lpips: Callable[..., Array] | None = None
    inception: Callable[..., Array] | None = None
    true_features: frechet.Gaussian | None = None


class Scores(NamedTuple):
    """How good a colouring of many sketches is.

    Attributes:
        metrics: see `metrics.measure`, over all pictures.
        ranking: the indices of the pictures whose truth is coloured, from the smallest `BEST_BY`
            of its own to the largest.
    """

    metrics: dict[str, float]
    ranking: list[int]


def load_networks(
    source: Any, count: int, lpips_vgg: str, lpips_linear: str, inception_file: str
) -> Networks:
    """Loads what there are files for.

    Args:
        source: pairs, whose true pictures FID compares with.
        count: how many of them, from the first on.
        lpips_vgg: see `models.lpips.load`; "" leaves LPIPS out.
        lpips_linear: given if and only if `lpips_vgg` is.
        inception_file: see `models.inception.load`; "" leaves FID out.

    Raises:
        UserError: a file is not what it should be, or one of LPIPS's two is missing.
    """
    if bool(lpips_vgg) != bool(lpips_linear):
        raise UserError("--lpips_vgg and --lpips_linear: LPIPS needs both files")
    networks = Networks()
    if lpips_vgg:
        lpips_network = jax.device_put(lpips.load(lpips_vgg, lpips_linear))
        distance = jax.jit(
            lambda network, a, b: lpips.distance(network, normalize(a), normalize(b))
        )
        networks = networks._replace(lpips=functools.partial(distance, lpips_network))
    if inception_file:
        inception_network = jax.device_put(inception.load(inception_file))
        features = jax.jit(lambda network, a: inception.features(network, normalize(a)))
        features_of = functools.partial(features, inception_network)
        sums = frechet.no_sums(inception.FEATURES)
        for _, pairs in _batches(source, count):
            sums = frechet.add(sums, in_batches(features_of, pairs["color"]))
        networks = networks._replace(inception=features_of, true_features=frechet.gaussian(sums))
    return networks


def score(
    colorize: Colorize,
    source: Any,
    count: int,
    networks: Networks = Networks(),  # noqa: B008
) -> Scores:
    """Measures a colouring: a network's, or anything else that makes pictures of sketches.

    The same pictures give the same numbers to the last digit. Pairs are read, coloured and measured
    a batch at a time.

    Args:
        colorize: from sketches to their colourings.
        source: pairs, from `input_pipeline.open_split`.
        count: how many of them, from the first on.
        networks: of LPIPS and FID, from `load_networks` for the same pairs.
    """
    sums: dict[str, metrics.Ratio] = {}
    ranked: list[tuple[float, int]] = []
    features = frechet.no_sums(inception.FEATURES)
    with ThreadPoolExecutor() as pool:
        for indices, pairs in _batches(source, count):
            colored = colorize(pairs["sketch"])
            measured = list(pool.map(metrics.measure, pairs["sketch"], colored, pairs["color"]))
            if networks.lpips:
                distances = in_batches(networks.lpips, colored, pairs["color"])
                for ratios, distance in zip(measured, distances, strict=True):
                    ratios["lpips"] = metrics.Ratio(float(distance), 1.0)
            if networks.inception:
                features = frechet.add(features, in_batches(networks.inception, colored))
            for i, ratios in zip(indices, measured, strict=True):
                sums = metrics.add(sums, ratios)
                if ratios[BEST_BY].weight:
                    ranked.append((ratios[BEST_BY].value, i))
    found = {name: ratio.value for name, ratio in sums.items()}
    if networks.true_features:
        found["fid"] = frechet.distance(frechet.gaussian(features), networks.true_features)
    return Scores(found, [i for _, i in sorted(ranked)])


def _batches(source: Any, count: int) -> Iterator[tuple[range, input_pipeline.Pairs]]:
    count = min(count, len(source))
    for start in range(0, count, BATCH_SIZE):
        indices = range(start, min(start + BATCH_SIZE, count))
        yield indices, input_pipeline.read_pairs(source, indices)


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


def evaluate(
    workdir: Path,
    steps: Sequence[int | str],
    num_pairs: int | None = None,
    lpips_vgg: str = "",
    lpips_linear: str = "",
    inception_file: str = "",
) -> None:
    """Evaluates checkpoints of a run on its validation split, and writes what it finds.

    Args:
        workdir: the run's.
        steps: which checkpoints, see `checkpoint.find`.
        num_pairs: how many validation pairs, from the first on; None is all.
        lpips_vgg: see `load_networks`.
        lpips_linear: see `load_networks`.
        inception_file: see `load_networks`.

    Raises:
        UserError: there is no such run, checkpoint or data, a file of weights is none, or the
            workdir cannot be written.
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
    networks = load_networks(validation, count, lpips_vgg, lpips_linear, inception_file)
    color = mean_color(train)
    baselines: dict[str, Colorize] = {
        "the sketch itself": lambda sketches: sketches,
        "the mean colour": lambda sketches: fill(color, sketches),
    }
    output = workdir / "evaluation"
    try:
        output.mkdir(parents=True, exist_ok=True)
        rows = {
            name: score(baseline, validation, count, networks).metrics
            for name, baseline in baselines.items()
        }
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
                scores = score(colorizer.colorize_squares, validation, count, networks)
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
    parser.add_argument("--lpips_vgg", default="", metavar="FILE",
                        help="for LPIPS: torchvision's VGG16 as safetensors")  # fmt: skip
    parser.add_argument("--lpips_linear", default="", metavar="FILE",
                        help="and weights/v0.1/vgg.pth of the package lpips, likewise")  # fmt: skip
    parser.add_argument("--inception", default="", metavar="FILE",
                        help="for FID: pytorch-fid's InceptionV3, likewise")  # fmt: skip
    flags = parser.parse_args(arguments)
    if flags.num_pairs < 0:
        parser.error("--num_pairs must not be negative")
    try:
        steps = checkpoint.steps(flags.workdir) if flags.all else []
        evaluate(
            flags.workdir,
            steps or [flags.step],
            flags.num_pairs or None,
            flags.lpips_vgg,
            flags.lpips_linear,
            flags.inception,
        )
    except UserError as error:
        sys.exit(f"s2c_jax: {error}")


if __name__ == "__main__":
    main()
