"""Measures the runs of experiments.quality.run and shows them: a table, numbers and pictures.

python -m experiments.quality.measure

writes results.json, a sheet of held-out drawings for each row (rows/) and all rows beneath each
other (rows.webp), beside the runs. Rows whose runs are not there are left out.
"""

import functools
import json
import statistics
from pathlib import Path
from typing import NamedTuple

import jax
import numpy as np
import orbax.checkpoint as ocp
from PIL import Image, ImageDraw

from experiments.quality.run import WORKDIRS
from s2c_jax import checkpoint
from s2c_jax import config as config_lib
from s2c_jax.datasets import input_pipeline
from s2c_jax.distributed import replicated_sharding
from s2c_jax.drawing import image_files, sheets
from s2c_jax.evaluation.scoring import Colorize, score
from s2c_jax.inference.generate import UInt8Pictures, make_generate
from s2c_jax.models.generator import Generator

NUM_PICTURES = 12
METRICS = ("ciede2000", "ciede2000_hue", "colorfulness", "leakage", "line_loss", "checkerboard",
           "mae", "ssim")  # fmt: skip


class Row(NamedTuple):
    """A run, and how its generator colours.

    Attributes:
        run: see `run.RUNS`.
        averaged: by the moving average of the generator, or by the trained one itself.
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


def colorize(row: Row, workdir: Path) -> Colorize:
    """Returns the colouring of one of a row's runs."""
    config = config_lib.load(workdir / "config.json")
    with checkpoint.open_manager(workdir, config.checkpoint.keep) as manager:
        state = manager.restore(
            manager.latest_step(), args=ocp.args.Composite(state=ocp.args.StandardRestore())
        ).state
    variables = state["ema"] if row.averaged else state["generator"]
    variables = {key: variables[key] for key in ("params", "batch_stats")}
    generate = make_generate(Generator(**config.generator))
    return functools.partial(generate, jax.device_put(variables, replicated_sharding()))


def strip(pictures: UInt8Pictures, title: str) -> Image.Image:
    """Lays pictures out side by side, behind a title."""
    width, side = 210, pictures.shape[1]
    page = Image.new("RGB", (width + len(pictures) * (side + 2), side + 2), image_files.WHITE)
    ImageDraw.Draw(page).text((4, side / 2), title, fill=(32, 32, 32), anchor="lm")
    for i, picture in enumerate(pictures):
        page.paste(Image.fromarray(picture), (width + i * (side + 2), 1))
    return page


def table(results: dict[str, list[dict[str, float]]]) -> str:
    """Returns a Markdown table of means over the seeds, and the deviation of the first metric."""
    lines = [
        f"| | seeds | {' | '.join(METRICS)} |",
        f"| --- | --- |{' ---: |' * len(METRICS)}",
    ]
    for title, found in results.items():
        cells = [f"{statistics.mean(each[metric] for each in found):.4f}" for metric in METRICS]
        values = [each[METRICS[0]] for each in found]
        spread = f" ± {statistics.stdev(values):.2f}" if len(values) > 1 else ""
        cells[0] = f"{statistics.mean(values):.2f}{spread}"
        lines.append(f"| {title} | {len(found)} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    """Measures what is there."""
    validation = input_pipeline.open_split("openmoji_sketch", 64, "validation")
    pairs = input_pipeline.read_pairs(validation, range(24))
    results: dict[str, list[dict[str, float]]] = {}
    strips = [strip(pairs["sketch"][:NUM_PICTURES], "sketch")]
    (WORKDIRS / "rows").mkdir(exist_ok=True)
    for title, row in ROWS.items():
        workdirs = [path for path in (WORKDIRS / row.run).glob("*") if checkpoint.all_steps(path)]
        for workdir in sorted(workdirs, key=lambda path: int(path.name)):
            color = colorize(row, workdir)
            scores = score(color, validation, len(validation))
            results.setdefault(title, []).append(scores.metrics)
            if len(results[title]) == 1:
                colored = color(pairs["sketch"])
                strips.append(strip(colored[:NUM_PICTURES], title))
                sheet = sheets.sheet(
                    [pairs["sketch"], colored, pairs["color"]], ["sketch", "coloured", "truth"]
                )
                name = f"{row.run}{'' if row.averaged else '_not_averaged'}"
                sheet.save(WORKDIRS / "rows" / f"{name}.webp", quality=80)
    strips.append(strip(pairs["color"][:NUM_PICTURES], "truth"))
    page = np.concatenate([np.asarray(one) for one in strips])
    Image.fromarray(page).save(WORKDIRS / "rows.webp", quality=85)
    (WORKDIRS / "results.json").write_text(json.dumps(results, indent=2) + "\n")
    print(table(results))


if __name__ == "__main__":
    main()
