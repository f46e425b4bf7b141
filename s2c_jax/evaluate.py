"""Measures how good a run's colourings of its validation pairs are.

python -m s2c_jax.evaluate --workdir runs/openmoji
python -m s2c_jax.evaluate --workdir runs/openmoji --all

writes evaluation/ into the workdir: metrics.json, metrics.md (the same as a table, which is printed
too), for each checkpoint a sheet of the best, the median and the worst pictures, and TensorBoard's
scalars by step. What an earlier call wrote there is replaced.
"""

import argparse
import contextlib
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import scipy.ndimage
import tensorboardX
from jaxtyping import Float
from PIL import Image

from s2c_jax import checkpoint, files, images, input_pipeline, metrics, runtime
from s2c_jax import config as config_lib
from s2c_jax.colorizer import Colorizer
from s2c_jax.errors import UserError
from s2c_jax.inference import Pictures, step_argument
from s2c_jax.scoring import Colorize, load_networks, score

# Examples of each kind on a sheet.
_EXAMPLES = 8
# Training pairs that the mean colour is taken from; the first ones are as good as any, since the
# order of prepared pairs is that of a hash.
_MEAN_COLOR_PAIRS = 256
_HEADINGS = {
    "mae": "MAE",
    "psnr": "PSNR",
    "ssim": "SSIM",
    "ciede2000": "CIEDE2000",
    "ciede2000_hue": "hue",
    "colorfulness": "colourfulness",
    "leakage": "leakage",
    "line_loss": "line loss",
    "checkerboard": "checkerboard",
    "lpips": "LPIPS",
    "fid": "FID",
}
_LEGEND = (
    "PSNR and SSIM are better the higher they are, colourfulness and checkerboard the nearer to 1, "
    "all others the lower."
)


def mean_color(source: Any) -> Float[np.ndarray, "3"]:
    """Returns the mean of what is coloured in some pairs, in [0, 255]; white if nothing is."""
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
    data_dir: str | None = None,
    lpips_vgg: str = "",
    lpips_linear: str = "",
    inception_file: str = "",
) -> None:
    """Evaluates checkpoints of a run on its validation split, and writes what it finds.

    Args:
        workdir: the run's.
        steps: which checkpoints, see `checkpoint.find`.
        num_pairs: how many validation pairs, from the first on; None is all.
        data_dir: where the run's data is now; None is where it was.
        lpips_vgg: see `scoring.load_networks`.
        lpips_linear: see `scoring.load_networks`.
        inception_file: see `scoring.load_networks`.

    Raises:
        UserError: there is no such run, checkpoint or data, a file of weights is none, or the
            workdir cannot be written. The checkpoints before have been written then.
    """
    config = config_lib.load(workdir / "config.json")
    steps = [checkpoint.find(workdir, step) for step in steps]
    train, validation = (
        input_pipeline.open_split(
            config.dataset.name,
            config.image_size,
            split,
            config.dataset.data_dir if data_dir is None else data_dir,
        )
        for split in ("train", "validation")
    )
    count = min(num_pairs or len(validation), len(validation))
    output = workdir / "evaluation"
    with _writable(output):
        output.mkdir(parents=True, exist_ok=True)
        for old in output.glob("events.out.tfevents.*"):
            old.unlink()
    networks = load_networks(validation, count, lpips_vgg, lpips_linear, inception_file)
    color = mean_color(train)
    baselines: dict[str, Colorize] = {
        "the sketch itself": lambda sketches: sketches,
        "the mean colour": lambda sketches: fill(color, sketches),
    }
    found: dict[str, Any] = {
        "dataset": f"{config.dataset.name}/{config.image_size}",
        "split": "validation",
        "pairs": count,
        "baselines": {
            name: score(baseline, validation, count, networks).metrics
            for name, baseline in baselines.items()
        },
        "checkpoints": {},
    }
    colorizer = Colorizer(workdir, steps[0])
    with tensorboardX.SummaryWriter(str(output)) as writer:
        for step in steps:
            if step != colorizer.step:
                colorizer.load(step)
            scores = score(colorizer.colorize_squares, validation, count, networks)
            found["checkpoints"][str(step)] = scores.metrics
            rows = {
                **found["baselines"],
                **{f"step {step}": values for step, values in found["checkpoints"].items()},
            }
            with _writable(output):
                for name, value in scores.metrics.items():
                    writer.add_scalar(f"evaluation/{name}", value, step)
                writer.flush()
                if scores.ranking:
                    sheet = ranked_sheet(colorizer.colorize_squares, validation, scores.ranking)
                    images.write_png(sheet, output / f"step_{step}.png")
                files.write_whole(
                    output / "metrics.json", (json.dumps(found, indent=2) + "\n").encode()
                )
                files.write_whole(output / "metrics.md", table(rows).encode())
    print(table(rows))
    print(f"{count} validation pairs; {output} has the numbers and the sheets")


@contextlib.contextmanager
def _writable(output: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UserError(f"{output} cannot be written ({error.strerror or error})") from None


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
        cells.append([title, *(f"{row[name]:.4f}" if name in row else "-" for name in names)])
    widths = [max(len(row[i]) for row in cells) for i in range(len(cells[0]))]
    cells.insert(1, ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])])

    def line(row: Sequence[str]) -> str:
        first, *rest = (
            cell.rjust(width) if i else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        return f"| {' | '.join([first, *rest])} |\n"

    return "".join(line(row) for row in cells) + f"\n{_LEGEND}\n"


def main(arguments: Sequence[str] | None = None) -> None:
    """Reads the flags and evaluates.

    Args:
        arguments: the command line behind the program's name; None is the process's own.
    """
    parser = argparse.ArgumentParser("python -m s2c_jax.evaluate", description=__doc__)
    parser.add_argument("--workdir", type=Path, required=True, help="of the training run")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--step", type=step_argument, default="last",
                       help="which checkpoint: its step, last (the default) or best")  # fmt: skip
    which.add_argument("--all", action="store_true", help="every checkpoint that is kept")
    parser.add_argument("--data_dir", help="where the run's data is now, if it has moved")
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
    runtime.prepare()
    try:
        steps = checkpoint.steps(flags.workdir) if flags.all else []
        evaluate(
            flags.workdir,
            steps or [flags.step],
            flags.num_pairs or None,
            flags.data_dir,
            flags.lpips_vgg,
            flags.lpips_linear,
            flags.inception,
        )
    except UserError as error:
        sys.exit(f"s2c_jax: {error}")


if __name__ == "__main__":
    main()
