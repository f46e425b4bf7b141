"""Checkpoints: both networks, their optimisers and the position in the data, by Orbax."""

import contextlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import grain.checkpoint
import jax
import orbax.checkpoint as ocp
from jaxtyping import PyTree
from orbax.checkpoint.checkpoint_managers import preservation_policy

from s2c_jax.errors import UserError
from s2c_jax.train_state import TrainState

# The metric by which a checkpoint is the best: the smallest.
BEST_BY = "ciede2000"


def open_manager(workdir: Path, keep: int) -> ocp.CheckpointManager:
    """Opens `workdir`/checkpoints for writing, one folder a step.

    The last `keep` are kept, and the one with the smallest `BEST_BY` of those that have metrics.
    Close it (or use it in a `with`), or the last save may be left unfinished.

    Raises:
        UserError: a checkpoint's metrics cannot be read.
    """
    folder = (workdir / "checkpoints").absolute()
    # Orbax reads what earlier starts have measured.
    with _readable(folder):
        return _open(folder, keep)


def _open(folder: Path, keep: int) -> ocp.CheckpointManager:
    return ocp.CheckpointManager(
        folder,
        options=ocp.CheckpointManagerOptions(
            preservation_policy=preservation_policy.AnyPreservationPolicy(
                [
                    preservation_policy.LatestN(keep),
                    preservation_policy.BestN(
                        get_metric_fn=_badness,
                        reverse=True,
                        n=1,
                        keep_checkpoints_without_metrics=False,
                    ),
                ]
            ),
            # Metrics are written only if there is one.
            best_fn=_badness,
            enable_async_checkpointing=True,
            cleanup_tmp_directories=True,
        ),
        item_names=("state", "data", "num_pairs"),
    )


def _badness(metrics: Mapping[str, float]) -> float:
    return metrics[BEST_BY]


def save(
    manager: ocp.CheckpointManager,
    state: TrainState,
    batches: Any,
    num_pairs: int,
    metrics: Mapping[str, float],
) -> None:
    """Saves at the state's step; returns when the state is copied, writing goes on behind.

    Args:
        manager: from `open_manager`.
        state: what to save; it may be donated as soon as this returns.
        batches: the iterator of the training data, a Grain iterator.
        num_pairs: how many pairs the training data has; a position in it means nothing in another.
        metrics: how good the generator is, see `metrics.measure`.
    """
    manager.save(
        int(state.step),
        # Without what it is ranked by, Orbax keeps no metrics.
        metrics=dict(metrics) if BEST_BY in metrics else None,
        args=ocp.args.Composite(
            state=ocp.args.StandardSave(state),
            data=grain.checkpoint.CheckpointSave(batches),
            num_pairs=ocp.args.JsonSave(num_pairs),
        ),
    )


def save_start(manager: ocp.CheckpointManager, state: TrainState) -> None:
    """Saves a state of step 0, from which training starts with the first batch of the data."""
    manager.save(0, args=ocp.args.Composite(state=ocp.args.StandardSave(state)))


def restore_latest(
    manager: ocp.CheckpointManager, state: TrainState, batches: Any, num_pairs: int
) -> TrainState:
    """Returns the last checkpoint's state and moves `batches` to its position.

    Args:
        manager: from `open_manager`; if it has no checkpoint, `state` is returned as it is.
        state: a state of the same shapes, as it lies on the devices.
        batches: the iterator of the training data.
        num_pairs: how many pairs the training data has.

    Raises:
        UserError: the checkpoint cannot be read, or is of other data.
    """
    step = manager.latest_step()
    if step is None:
        return state
    shapes = jax.tree.map(ocp.tree.to_shape_dtype_struct, state)
    position = {
        "data": grain.checkpoint.CheckpointRestore(batches),
        "num_pairs": ocp.args.JsonRestore(),
    }
    with _readable(Path(manager.directory) / str(step)):
        restored = manager.restore(
            step,
            args=ocp.args.Composite(
                state=ocp.args.StandardRestore(shapes), **(position if step else {})
            ),
        )
    if step and restored.num_pairs != num_pairs:
        raise UserError(
            f"the run was trained on {restored.num_pairs} pairs and the data set has {num_pairs} "
            "now: take another --workdir, or that data"
        )
    return restored.state


def steps(workdir: Path) -> list[int]:
    """Returns the steps of the finished checkpoints in `workdir`, rising."""
    folder = workdir.absolute() / "checkpoints"
    return sorted(ocp.utils.checkpoint_steps(folder)) if folder.is_dir() else []


def find(workdir: Path, step: int | str) -> int:
    """Returns the step of a checkpoint.

    Args:
        workdir: the run's.
        step: its step, "last" or "best": with the smallest `BEST_BY` over the validation pairs.

    Raises:
        UserError: there is no such checkpoint.
    """
    found = steps(workdir)
    if not found:
        raise UserError(f"{workdir} holds no checkpoint: has its first epoch ended?")
    if step == "last":
        return found[-1]
    if step == "best":
        measured = {}
        for candidate in found:
            folder = workdir / "checkpoints" / str(candidate)
            if (folder / "metrics").is_dir():
                with _readable(folder):
                    measured[candidate] = _badness(
                        json.loads((folder / "metrics" / "metrics").read_text())
                    )
        if not measured:
            raise UserError(f"{workdir} has no checkpoint with metrics: take the last")
        return min(measured, key=measured.__getitem__)
    if step not in found:
        raise UserError(f"{workdir} has no checkpoint {step}; it has {', '.join(map(str, found))}")
    return int(step)


def restore_generator(
    workdir: Path, variables: PyTree, step: int | str, *, averaged: bool
) -> tuple[int, PyTree]:
    """Reads the generator that colours, and nothing else, from a run's checkpoints.

    Args:
        workdir: the run's.
        variables: the collections "params" and "batch_stats", as shapes and dtypes.
        step: which checkpoint, see `find`.
        averaged: whether the run keeps the generator's moving average, which colours then.

    Returns:
        The step and the variables.

    Raises:
        UserError: there is no such checkpoint, or it cannot be read.
    """
    step = find(workdir, step)
    folder = workdir.absolute() / "checkpoints" / str(step)
    name = "ema" if averaged else "generator"
    wanted = {name: variables}
    with _readable(folder), ocp.Checkpointer(ocp.PyTreeCheckpointHandler()) as checkpointer:
        restored = checkpointer.restore(
            folder / "state",
            args=ocp.args.PyTreeRestore(
                wanted,
                restore_args=ocp.checkpoint_utils.construct_restore_args(wanted),
                partial_restore=True,
            ),
        )
    return step, restored[name]


@contextlib.contextmanager
def _readable(folder: Path) -> Iterator[None]:
    try:
        yield
    except (KeyError, OSError, ValueError) as error:
        reason = str(error).strip().splitlines()[0]
        raise UserError(f"the checkpoint {folder} cannot be read ({reason})") from error
