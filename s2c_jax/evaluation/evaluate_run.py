"""Measures checkpoints of a run on its validation split, and writes what it finds."""

import contextlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import tensorboardX

from s2c_jax import checkpoint, files
from s2c_jax import config as config_lib
from s2c_jax.datasets import input_pipeline
from s2c_jax.drawing import image_files
from s2c_jax.errors import UserError
from s2c_jax.evaluation.baselines import fill_inside_lines, mean_color
from s2c_jax.evaluation.scoring import Colorize, load_networks, score
from s2c_jax.evaluation.tables import ranked_sheet, table
from s2c_jax.inference.colorizer import Colorizer


def evaluate_run(
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
    steps = [checkpoint.resolve_step(workdir, step) for step in steps]
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
        "the mean colour": lambda sketches: fill_inside_lines(color, sketches),
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
                    image_files.write_png(sheet, output / f"step_{step}.png")
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
