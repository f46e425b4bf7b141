"""Finds a run's checkpoints, and the one that a user names."""

import json
from collections.abc import Mapping
from pathlib import Path

import orbax.checkpoint as ocp

from s2c_jax.checkpoint.manifest import json_checksum, read_manifest, reading, verify
from s2c_jax.checkpoint.quarantine import quarantine_path
from s2c_jax.errors import UserError

# The metric that ranks checkpoints: the best checkpoint has the smallest value.
RANKING_METRIC = "ciede2000"


def ranking_metric(metrics: Mapping[str, float]) -> float:
    """Returns the value by which a checkpoint with these metrics is ranked."""
    return metrics[RANKING_METRIC]


def step_folder(workdir: Path, step: int) -> Path:
    """Returns a checkpoint's folder as an absolute path, which Orbax needs."""
    return workdir.absolute() / "checkpoints" / str(step)


def all_steps(workdir: Path) -> list[int]:
    """Returns the steps of the complete checkpoints of a run, in ascending order."""
    folder = workdir.absolute() / "checkpoints"
    return sorted(ocp.utils.checkpoint_steps(folder)) if folder.is_dir() else []


def resolve_step(workdir: Path, step: int | str) -> int:
    """Returns the step of the checkpoint that a user names.

    Args:
        workdir: the run's folder.
        step: a step; "last"; or "best", the checkpoint with the smallest `RANKING_METRIC` over the
            validation pairs.

    Raises:
        UserError: there is no such checkpoint, or its metrics cannot be read.
    """
    steps = all_steps(workdir)
    if not steps:
        raise UserError(f"{workdir} holds no checkpoint: has its first epoch ended?")
    if step == "last":
        return steps[-1]
    if step == "best":
        metrics = {candidate: read_metrics(workdir, candidate) for candidate in steps}
        ranks = {candidate: ranking_metric(known) for candidate, known in metrics.items() if known}
        if not ranks:
            raise UserError(f"{workdir} has no checkpoint with metrics: take the last")
        return min(ranks, key=ranks.__getitem__)
    if step not in steps:
        raise UserError(f"{workdir} has no checkpoint {step}; it has {', '.join(map(str, steps))}")
    return int(step)


def read_metrics(workdir: Path, step: int) -> dict[str, float]:
    """Returns a checkpoint's metrics.

    They are empty if the step was not measured, or if the metrics are in the quarantine.

    Raises:
        CorruptCheckpoint: the metrics are not what was saved.
        UserError: the metrics cannot be read.
    """
    folder = step_folder(workdir, step)
    item = folder / "metrics"
    with reading(folder):
        manifest = read_manifest(folder)
        quarantined = quarantine_path(workdir.absolute(), item).exists() and not item.exists()
        if "metrics" not in manifest["checksums"] or quarantined:
            return {}
        metrics: dict[str, float] = json.loads((item / "metrics").read_text())
        verify({"metrics": json_checksum(metrics)}, manifest)
        return metrics
