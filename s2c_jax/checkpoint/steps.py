"""Which checkpoints a run has, and which of them is meant."""

import json
from collections.abc import Mapping
from pathlib import Path

import orbax.checkpoint as ocp

from s2c_jax.checkpoint.manifest import json_checksum, read_manifest, reading, verify
from s2c_jax.errors import UserError

# The metric by which a checkpoint is the best: the smallest.
RANKING_METRIC = "ciede2000"


def ranking_metric(metrics: Mapping[str, float]) -> float:
    return metrics[RANKING_METRIC]


def all_steps(workdir: Path) -> list[int]:
    """Returns the steps of the finished checkpoints in `workdir`, rising."""
    folder = workdir.absolute() / "checkpoints"
    return sorted(ocp.utils.checkpoint_steps(folder)) if folder.is_dir() else []


def resolve_step(workdir: Path, step: int | str) -> int:
    """Returns the step of a checkpoint.

    Args:
        workdir: the run's.
        step: its step, "last" or "best": with the smallest `BEST_BY` over the validation pairs.

    Raises:
        UserError: there is no such checkpoint.
    """
    found = all_steps(workdir)
    if not found:
        raise UserError(f"{workdir} holds no checkpoint: has its first epoch ended?")
    if step == "last":
        return found[-1]
    if step == "best":
        metrics = {candidate: read_metrics(workdir, candidate) for candidate in found}
        measured = {
            candidate: ranking_metric(known) for candidate, known in metrics.items() if known
        }
        if not measured:
            raise UserError(f"{workdir} has no checkpoint with metrics: take the last")
        return min(measured, key=measured.__getitem__)
    if step not in found:
        raise UserError(f"{workdir} has no checkpoint {step}; it has {', '.join(map(str, found))}")
    return int(step)


def read_metrics(workdir: Path, step: int) -> dict[str, float]:
    """Returns a checkpoint's metrics, none if it was not measured.

    Raises:
        UserError: they cannot be read.
    """
    folder = workdir.absolute() / "checkpoints" / str(step)
    with reading(folder):
        contents = read_manifest(folder)
        if "metrics" not in contents["checksums"]:
            return {}
        metrics: dict[str, float] = json.loads((folder / "metrics" / "metrics").read_text())
        verify({"metrics": json_checksum(metrics)}, contents)
        return metrics
