"""Checkpoints: both networks, their optimisers and the position in the data, by Orbax."""

import contextlib
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import grain.checkpoint
import jax
import orbax.checkpoint as ocp
from jax.experimental import multihost_utils
from jax.sharding import PartitionSpec
from jaxtyping import PyTree
from orbax.checkpoint.checkpoint_managers import preservation_policy

from s2c_jax import distributed
from s2c_jax.checkpoint.manifest import (
    CorruptCheckpoint,
    first_line,
    json_checksum,
    read_manifest,
    reading,
    tree_checksums,
    verify,
)
from s2c_jax.checkpoint.quarantine import quarantine
from s2c_jax.checkpoint.steps import RANKING_METRIC, all_steps, ranking_metric, read_metrics
from s2c_jax.errors import UserError


@contextlib.contextmanager
def open_manager(workdir: Path, keep: int) -> Iterator[ocp.CheckpointManager]:
    """Opens `workdir`/checkpoints for writing, one folder a step, and ends the last save.

    The last `keep` are kept, and the one with the smallest `BEST_BY` of those that have metrics.

    Damaged metrics are named on standard error and set aside; it is a checkpoint without them then.

    Raises:
        UserError: a checkpoint is of an earlier version, or cannot be read, but for damage; or, at
            its end, the last save cannot be written.
    """
    # Orbax reads what earlier starts have measured, all of it or nothing.
    damaged = {}
    for step in all_steps(workdir):
        try:
            read_metrics(workdir, step)
        except CorruptCheckpoint as error:
            damaged[step] = str(error)
    distributed.barrier("the metrics have been read")
    for step, reason in damaged.items():
        quarantine(workdir, workdir / "checkpoints" / str(step) / "metrics", reason)
    distributed.barrier("damaged metrics are set aside")
    manager = _open(workdir, keep)
    try:
        yield manager
    finally:
        with _writable(manager):
            manager.close()


def _open(workdir: Path, keep: int) -> ocp.CheckpointManager:
    return ocp.CheckpointManager(
        (workdir / "checkpoints").absolute(),
        options=ocp.CheckpointManagerOptions(
            preservation_policy=preservation_policy.AnyPreservationPolicy(
                [
                    preservation_policy.LatestN(keep),
                    preservation_policy.BestN(
                        get_metric_fn=ranking_metric,
                        reverse=True,
                        n=1,
                        keep_checkpoints_without_metrics=False,
                    ),
                ]
            ),
            # Metrics are written only if there is one.
            best_fn=ranking_metric,
            enable_async_checkpointing=True,
            cleanup_tmp_directories=True,
        ),
        item_names=("state", "data", "contents"),
    )


def save(
    manager: ocp.CheckpointManager,
    state: PyTree,
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

    Raises:
        UserError: this checkpoint, or the one before, cannot be written.
    """
    # Without what it is ranked by, Orbax keeps no metrics.
    kept = dict(metrics) if RANKING_METRIC in metrics else None
    checksums = tree_checksums(state)
    checksums["data"] = json_checksum(batches.get_state())
    checksums["num_pairs"] = json_checksum(num_pairs)
    if kept:
        checksums["metrics"] = json_checksum(kept)
    contents = {"num_pairs": num_pairs, "checksums": checksums}
    _require_room(Path(manager.directory), state)
    with _writable(manager):
        manager.save(
            int(state.step),
            metrics=kept,
            args=ocp.args.Composite(
                state=ocp.args.StandardSave(_of_all_processes(state)),
                data=grain.checkpoint.CheckpointSave(batches),
                contents=ocp.args.JsonSave(contents),
            ),
        )


def save_initial(manager: ocp.CheckpointManager, state: PyTree) -> None:
    """Saves a state of step 0, from which training starts with the first batch of the data.

    Raises:
        UserError: it cannot be written.
    """
    contents = {"checksums": tree_checksums(state)}
    with _writable(manager):
        manager.save(
            0,
            args=ocp.args.Composite(
                state=ocp.args.StandardSave(state), contents=ocp.args.JsonSave(contents)
            ),
        )


def restore_latest(
    manager: ocp.CheckpointManager, state: PyTree, batches: Any, num_pairs: int
) -> PyTree:
    """Returns the last sound checkpoint's state and moves `batches` to its position.

    Damaged ones behind it are named on standard error and set aside, in `workdir`/damaged: their
    steps will be saved again. Not if all are damaged, or for want of memory and the like.

    Args:
        manager: from `open_manager`; if it has no checkpoint, `state` is returned as it is.
        state: a state of the same shapes, as it lies on the devices.
        batches: the iterator of the training data.
        num_pairs: how many pairs the training data has.

    Raises:
        UserError: there are checkpoints and none can be read, or they are of other data.
    """
    workdir = Path(manager.directory).parent
    damaged: list[tuple[int, str]] = []
    for step in sorted(manager.all_steps(), reverse=True):
        restored = None
        try:
            restored = _restore(manager, step, state, batches)
        except CorruptCheckpoint as error:
            reason = str(error)
        if not distributed.all_agree(restored is not None):
            if restored:
                reason = f"another process cannot read the checkpoint {step}"
            damaged.append((step, reason))
            continue
        assert restored is not None
        found, trained_on = restored
        if trained_on not in (None, num_pairs):
            raise UserError(
                f"the run was trained on {trained_on} pairs and the data set has {num_pairs} "
                "now: take another --workdir, or that data"
            )
        for bad, reason in damaged:
            quarantine(workdir, Path(manager.directory) / str(bad), reason)
        if damaged:
            distributed.barrier("damaged checkpoints are set aside")
            manager.reload()
        return found
    if damaged:
        # All of them: it may well be something else than damage, and they stay where they are.
        raise UserError(damaged[0][1])
    return state


def _restore(
    manager: ocp.CheckpointManager, step: int, state: PyTree, batches: Any
) -> tuple[PyTree, int | None]:
    """Returns a checkpoint's state, and of how many pairs its data was (None at the start).

    Raises:
        DamageError: it is not what was saved; `batches` is where it was before.
        UserError: it cannot be read for another reason.
    """
    folder = Path(manager.directory) / str(step)
    shapes = jax.tree.map(ocp.tree.to_shape_dtype_struct, _of_all_processes(state))
    position = {"data": grain.checkpoint.CheckpointRestore(batches)} if step else {}
    before = batches.get_state() if step else None
    try:
        with reading(folder):
            contents = read_manifest(folder)
            restored = manager.restore(
                step,
                args=ocp.args.Composite(state=ocp.args.StandardRestore(shapes), **position),
            )
            own = _of_this_process(restored.state)
            found = tree_checksums(own)
            num_pairs: int | None = contents.get("num_pairs")
            if step:
                found["data"] = json_checksum(batches.get_state())
                found["num_pairs"] = json_checksum(num_pairs)
            verify(found, contents)
            return own, num_pairs
    except UserError:
        if step:
            batches.set_state(before)
        raise


def _of_all_processes(state: PyTree) -> PyTree:
    """Returns a state that lies on this process's devices as one that lies on all devices."""
    if jax.process_count() == 1:
        return state
    everywhere: PyTree = multihost_utils.host_local_array_to_global_array(
        state, distributed.global_mesh(), PartitionSpec()
    )
    return everywhere


def _of_this_process(state: PyTree) -> PyTree:
    if jax.process_count() == 1:
        return state
    own: PyTree = multihost_utils.global_array_to_host_local_array(
        state, distributed.global_mesh(), PartitionSpec()
    )
    return own


def _require_room(folder: Path, state: PyTree) -> None:
    """Raises UserError if the state does not fit on the disk, before Orbax's threads find out."""
    needed = sum(leaf.nbytes for leaf in jax.tree.leaves(state))
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise UserError(
            f"a checkpoint takes {needed / 1e6:.1f} MB and {folder} has {free / 1e6:.1f} MB left: "
            "make room and give the same command again; the checkpoints before are still there"
        )


@contextlib.contextmanager
def _writable(manager: ocp.CheckpointManager) -> Iterator[None]:
    try:
        yield
    # Nor has what a full disk does.
    except Exception as error:
        raise UserError(
            f"a checkpoint cannot be written in {manager.directory} ({first_line(error)}); "
            f"there are steps {', '.join(map(str, all_steps(Path(manager.directory).parent)))}"
        ) from error
