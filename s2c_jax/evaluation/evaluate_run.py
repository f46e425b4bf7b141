"""Evaluates checkpoints of a run on its validation split, and writes the results."""

import contextlib
import dataclasses
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import tensorboardX

from s2c_jax import checkpoint, files
from s2c_jax import config as config_lib
from s2c_jax.datasets import input_pipeline
from s2c_jax.datasets.pairs import PairSource
from s2c_jax.drawing import image_files
from s2c_jax.errors import UserError
from s2c_jax.evaluation.baselines import fill_inside_lines, mean_color
from s2c_jax.evaluation.scoring import Networks, Scores, score, true_features
from s2c_jax.evaluation.tables import ranked_sheet, table
from s2c_jax.inference.colorizer import Colorizer


def evaluate_run(
    workdir: Path,
    steps: Sequence[int | str],
    num_pairs: int | None = None,
    data_dir: str | None = None,
    networks: Networks = Networks(),  # noqa: B008
) -> None:
    """Evaluates checkpoints of a run; writes WORKDIR/evaluation, replacing an earlier one.

    Args:
        workdir: the run's folder.
        steps: which checkpoints, each as in `checkpoint.resolve_step`.
        num_pairs: the number of validation pairs, from the first on; None takes all.
        data_dir: TFDS's data directory; None takes the config's.
        networks: for LPIPS and FID, without `true_features`.

    Raises:
        UserError: the run, a checkpoint or the data is missing, or the results cannot be written.
            The results of the checkpoints before the failure are complete.
    """
    config = config_lib.load(workdir / "config.json")
    resolved = [checkpoint.resolve_step(workdir, step) for step in steps]
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
    if networks.inception:
        networks = networks._replace(
            true_features=true_features(networks.inception, validation, count)
        )
    results = _Results(
        dataset=f"{config.dataset.name}/{config.image_size}",
        pairs=count,
        baselines=_score_baselines(train, validation, count, networks),
    )
    colorizer = Colorizer(workdir, resolved[0])
    with tensorboardX.SummaryWriter(str(output)) as writer:
        for step in resolved:
            if step != colorizer.step:
                colorizer.load(step)
            scores = score(colorizer.colorize_squares, validation, count, networks)
            results.checkpoints[str(step)] = scores.metrics
            with _writable(output):
                _write_scalars(writer, step, scores)
                if scores.ranking:
                    sheet = ranked_sheet(colorizer.colorize_squares, validation, scores.ranking)
                    image_files.write_png(sheet, output / f"step_{step}.png")
                results.write(output)
    print(results.table())
    print(f"{count} validation pairs; {output} has the numbers and the sheets")


@dataclasses.dataclass
class _Results:
    """What metrics.json holds; metrics.md holds the metrics as a table.

    Attributes:
        dataset: builder and config of the data set.
        split: the split.
        pairs: the number of pairs.
        baselines: the metrics of each baseline, by its title.
        checkpoints: the metrics of each checkpoint, by its step.
    """

    dataset: str
    pairs: int
    baselines: dict[str, dict[str, float]]
    split: str = "validation"
    checkpoints: dict[str, dict[str, float]] = dataclasses.field(default_factory=dict)

    def table(self) -> str:
        """Returns the Markdown table."""
        steps = {f"step {step}": values for step, values in self.checkpoints.items()}
        return table({**self.baselines, **steps})

    def write(self, output: Path) -> None:
        """Writes both files.

        Raises:
            OSError: a file cannot be written.
        """
        values = {
            name: getattr(self, name)
            for name in ("dataset", "split", "pairs", "baselines", "checkpoints")
        }
        files.write_whole(output / "metrics.json", (json.dumps(values, indent=2) + "\n").encode())
        files.write_whole(output / "metrics.md", self.table().encode())


def _score_baselines(
    train: PairSource, validation: PairSource, count: int, networks: Networks
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


def _write_scalars(writer: tensorboardX.SummaryWriter, step: int, scores: Scores) -> None:
    """Writes a checkpoint's metrics for TensorBoard."""
    for name, value in scores.metrics.items():
        writer.add_scalar(f"evaluation/{name}", value, step)
    writer.flush()


@contextlib.contextmanager
def _writable(output: Path) -> Iterator[None]:
    """Turns an OSError raised within into a UserError that names the folder."""
    try:
        yield
    except OSError as error:
        raise UserError(f"{output} cannot be written ({error.strerror or error})") from None
