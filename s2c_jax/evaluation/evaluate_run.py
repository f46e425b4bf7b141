"""Evaluates checkpoints of a run on its validation split, and writes the results."""

import json
from collections.abc import Sequence
from pathlib import Path

import tensorboardX

from s2c_jax import checkpoint, files
from s2c_jax import config as config_lib
from s2c_jax.datasets import input_pipeline
from s2c_jax.datasets.pairs import PairSource
from s2c_jax.drawing import image_files
from s2c_jax.evaluation.baselines import fill_inside_lines, mean_color
from s2c_jax.evaluation.scoring import MetricNetworks, score, true_features
from s2c_jax.evaluation.tables import ranked_sheet, table
from s2c_jax.inference.colorizer import Colorizer


def evaluate_run(
    workdir: Path,
    steps: Sequence[int | str],
    num_pairs: int | None = None,
    data_dir: str | None = None,
    networks: MetricNetworks = MetricNetworks(),  # noqa: B008
) -> None:
    """Evaluates checkpoints of a run, and writes the results into WORKDIR/evaluation.

    Each call replaces the numbers of the one before; sheets of other checkpoints stay.

    Args:
        workdir: the run's folder.
        steps: which checkpoints, each as in `checkpoint.resolve_step`.
        num_pairs: the number of validation pairs, from the first on; None takes all.
        data_dir: TFDS's data directory; None takes the config's.
        networks: for LPIPS and FID, without `true_gaussian`.

    Raises:
        UserError: the run, a checkpoint or the data is missing, or the results cannot be written.
            The results of the checkpoints before the failure are complete.
    """
    config = config_lib.load(workdir / "config.json")
    resolved = [checkpoint.resolve_step(workdir, step) for step in steps]
    data_dir = config.dataset.data_dir if data_dir is None else data_dir
    train, validation = (
        input_pipeline.open_split(config.dataset.name, config.image_size, split, data_dir)
        for split in ("train", "validation")
    )
    count = min(num_pairs or len(validation), len(validation))
    output = workdir / "evaluation"
    with files.writing(output):
        output.mkdir(parents=True, exist_ok=True)
        for old in output.glob("events.out.tfevents.*"):
            old.unlink()
    if networks.inception:
        true = true_features(networks.inception, validation, count)
        networks = networks._replace(true_gaussian=true)
    baselines = _score_baselines(train, validation, count, networks)
    checkpoints: dict[str, dict[str, float]] = {}
    rows = dict(baselines)
    # The content of metrics.json.
    results = {
        "dataset": f"{config.dataset.name}/{config.image_size}",
        "split": "validation",
        "pairs": count,
        "baselines": baselines,
        "checkpoints": checkpoints,
    }
    colorizer = Colorizer(workdir, resolved[0])
    with tensorboardX.SummaryWriter(str(output)) as writer:
        for step in resolved:
            if step != colorizer.step:
                colorizer.load(step)
            scores = score(colorizer.colorize_squares, validation, count, networks)
            checkpoints[str(step)] = rows[f"step {step}"] = scores.metrics
            with files.writing(output):
                for name, value in scores.metrics.items():
                    writer.add_scalar(f"evaluation/{name}", value, step)
                writer.flush()
                if scores.ranking:
                    sheet = ranked_sheet(colorizer.colorize_squares, validation, scores.ranking)
                    image_files.write_png(sheet, output / f"step_{step}.png")
                text = json.dumps(results, indent=2) + "\n"
                files.write_whole(output / "metrics.json", text.encode())
                files.write_whole(output / "metrics.md", table(rows).encode())
    print(table(rows))
    print(f"{count} validation pairs; {output} has the numbers and the sheets")


def _score_baselines(
    train: PairSource, validation: PairSource, count: int, networks: MetricNetworks
) -> dict[str, dict[str, float]]:
    """Returns the metrics of each baseline, by its title."""
    color = mean_color(train)
    baselines = {
        "the sketch itself": lambda sketches: sketches,
        "the mean colour": lambda sketches: fill_inside_lines(color, sketches),
    }
    return {
        title: score(baseline, validation, count, networks).metrics
        for title, baseline in baselines.items()
    }
