"""Checkpoints: both networks, their optimisers and the position in the data, by Orbax."""

from pathlib import Path
from typing import Any

import grain.checkpoint
import jax
import orbax.checkpoint as ocp
from jaxtyping import PyTree
from orbax.checkpoint.checkpoint_managers import preservation_policy

from s2c_jax.errors import UserError
from s2c_jax.train_state import TrainState

_STATE, _DATA = "state", "data"


def open_manager(workdir: Path, keep: int | None = None) -> ocp.CheckpointManager:
    """Opens `workdir`/checkpoints for writing, one folder a step, the last `keep` kept.

    Close it (or use it in a `with`), or the last save may be left unfinished.
    """
    return ocp.CheckpointManager(
        (workdir / "checkpoints").absolute(),
        options=ocp.CheckpointManagerOptions(
            preservation_policy=preservation_policy.LatestN(keep),
            enable_async_checkpointing=True,
            cleanup_tmp_directories=True,
        ),
        item_names=(_STATE, _DATA),
    )


def save(manager: ocp.CheckpointManager, state: TrainState, batches: Any) -> None:
    """Saves at the state's step; returns when the state is copied, writing goes on behind.

    Args:
        manager: from `open_manager`.
        state: what to save; it may be donated as soon as this returns.
        batches: the iterator of the training data, a Grain iterator.
    """
    manager.save(
        int(state.step),
        args=ocp.args.Composite(
            **{
                _STATE: ocp.args.StandardSave(state),
                _DATA: grain.checkpoint.CheckpointSave(batches),
            }
        ),
    )


def restore_latest(manager: ocp.CheckpointManager, state: TrainState, batches: Any) -> TrainState:
    """Returns the last checkpoint's state and moves `batches` to its position.

    Args:
        manager: from `open_manager`; if it has no checkpoint, `state` is returned as it is.
        state: a state of the same shapes, as it lies on the devices.
        batches: the iterator of the training data.
    """
    step = manager.latest_step()
    if step is None:
        return state
    shapes = jax.tree.map(ocp.tree.to_shape_dtype_struct, state)
    restored = manager.restore(
        step,
        args=ocp.args.Composite(
            **{
                _STATE: ocp.args.StandardRestore(shapes),
                _DATA: grain.checkpoint.CheckpointRestore(batches),
            }
        ),
    )
    return restored[_STATE]


def has_checkpoint(workdir: Path) -> bool:
    """Whether a finished checkpoint lies in `workdir`."""
    folder = workdir / "checkpoints"
    return folder.is_dir() and bool(ocp.utils.checkpoint_steps(folder.absolute()))


def restore_generator(
    workdir: Path, variables: PyTree, step: int | None = None
) -> tuple[int, PyTree]:
    """Reads the generator alone from a run's checkpoints.

    Args:
        workdir: the run's.
        variables: the collections "params" and "batch_stats", as shapes and dtypes.
        step: which checkpoint; None is the last.

    Returns:
        The step and the variables.

    Raises:
        UserError: there is no such checkpoint.
    """
    folder = (workdir / "checkpoints").absolute()
    steps = sorted(ocp.utils.checkpoint_steps(folder)) if folder.is_dir() else []
    if not steps:
        raise UserError(f"{workdir} holds no checkpoint: has its first epoch ended?")
    if step is None:
        step = steps[-1]
    elif step not in steps:
        raise UserError(f"{workdir} has no checkpoint {step}; it has {', '.join(map(str, steps))}")
    with ocp.Checkpointer(ocp.PyTreeCheckpointHandler()) as checkpointer:
        wanted = {"generator": variables}
        restored = checkpointer.restore(
            folder / str(step) / _STATE,
            args=ocp.args.PyTreeRestore(
                wanted,
                restore_args=ocp.checkpoint_utils.construct_restore_args(wanted),
                partial_restore=True,
            ),
        )
    return step, restored["generator"]
