"""Saves and restores the whole state of a run, for training."""

import contextlib
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import grain.checkpoint
import jax
import orbax.checkpoint as ocp
from jax.experimental import multihost_utils
from jax.sharding import PartitionSpec
from jaxtyping import PyTree
from orbax.checkpoint.checkpoint_managers import preservation_policy

from s2c_jax import distributed
from s2c_jax.checkpoint import manifest as manifest_lib
from s2c_jax.checkpoint.manifest import CorruptCheckpoint, Manifest, json_checksum, tree_checksums
from s2c_jax.checkpoint.quarantine import quarantine
from s2c_jax.checkpoint.steps import RANKING_METRIC, all_steps, ranking_metric, read_metrics
from s2c_jax.errors import UserError, first_line


@runtime_checkable
class DataIterator(Protocol):
    """An iterator of training batches whose position can be saved, such as a Grain iterator."""

    def get_state(self) -> dict[str, Any]:
        """Returns the position as values that JSON has."""

    def set_state(self, state: dict[str, Any], /) -> None:
        """Moves to a position from `get_state`."""


@contextlib.contextmanager
def open_manager(workdir: Path, keep: int) -> Iterator[ocp.CheckpointManager]:
    """Opens `workdir`/checkpoints for saving; at its end, waits for the last save.

    Damaged metrics are quarantined and named on standard error. Their checkpoint stays, and counts
    as not measured.

    Args:
        workdir: the run's folder.
        keep: how many of the last checkpoints are kept. The checkpoint with the smallest
            `RANKING_METRIC` is kept as well.

    Raises:
        UserError: a checkpoint is from an earlier version, its metrics cannot be read though they
            may be sound, or the last save fails.
    """
    _quarantine_damaged_metrics(workdir)
    best = preservation_policy.BestN(
        get_metric_fn=ranking_metric, reverse=True, n=1, keep_checkpoints_without_metrics=False
    )
    policy = preservation_policy.AnyPreservationPolicy([preservation_policy.LatestN(keep), best])
    manager = ocp.CheckpointManager(
        (workdir / "checkpoints").absolute(),
        options=ocp.CheckpointManagerOptions(
            preservation_policy=policy,
            # Orbax saves metrics only if it has a function that ranks them.
            best_fn=ranking_metric,
            enable_async_checkpointing=True,
            cleanup_tmp_directories=True,
        ),
        item_names=("state", "data", "contents"),
    )
    try:
        yield manager
    finally:
        with _writing(manager):
            manager.close()


def save(
    manager: ocp.CheckpointManager,
    state: PyTree,
    batches: DataIterator | None = None,
    num_pairs: int | None = None,
    metrics: Mapping[str, float] | None = None,
) -> None:
    """Saves a checkpoint at the state's step.

    The function returns as soon as the state is copied. Writing continues in the background; the
    next save or the end of `open_manager` raises the error of a failure there.

    Args:
        manager: from `open_manager`.
        state: the training state, which may be donated afterwards.
        batches: the iterator of the training data; None for an initial state, from which training
            starts with the first batch.
        num_pairs: the number of training pairs: a position in the data holds for that number only.
        metrics: the generator's metrics on the validation pairs; None or empty if it was not
            measured.

    Raises:
        UserError: this checkpoint, or the one before it, cannot be written.
    """
    # Orbax cannot rank a checkpoint whose metrics lack the ranking metric.
    ranked = dict(metrics) if metrics and RANKING_METRIC in metrics else None
    checksums = tree_checksums(state)
    manifest = Manifest(checksums=checksums)
    items: dict[str, Any] = {}
    if batches is not None:
        checksums["data"] = json_checksum(batches.get_state())
        items["data"] = grain.checkpoint.CheckpointSave(batches)
    if num_pairs is not None:
        checksums["num_pairs"] = json_checksum(num_pairs)
        manifest["num_pairs"] = num_pairs
    if ranked:
        checksums["metrics"] = json_checksum(ranked)
    items["contents"] = ocp.args.JsonSave(manifest)
    _require_free_space(Path(manager.directory), state)
    with _writing(manager):
        items["state"] = ocp.args.StandardSave(
            _convert(multihost_utils.host_local_array_to_global_array, state)
        )
        manager.save(int(state.step), metrics=ranked, args=ocp.args.Composite(**items))


def restore_latest(
    manager: ocp.CheckpointManager, state: PyTree, batches: DataIterator, num_pairs: int
) -> PyTree:
    """Restores the last sound checkpoint, and moves `batches` to the checkpoint's position.

    Later checkpoints, which are damaged, are quarantined and named on standard error; training will
    save their steps again. If all checkpoints seem damaged, they stay where they are.

    Args:
        manager: from `open_manager`.
        state: a state with the same shapes and shardings.
        batches: the iterator of the training data.
        num_pairs: the number of training pairs.

    Returns:
        The restored state, or `state` if there is no checkpoint.

    Raises:
        UserError: no checkpoint can be read, or the last sound one was trained on other data.
    """
    damaged: dict[int, str] = {}
    for step in sorted(manager.all_steps(), reverse=True):
        restored = None
        reason = f"another process cannot read the checkpoint {step}"
        with distributed.failing_together(reason):
            try:
                restored = _restore(manager, step, state, batches)
            except CorruptCheckpoint as error:
                reason = str(error)
        # All processes must continue from the same step.
        if distributed.all_agree(restored is not None):
            break
        damaged[step] = reason
    else:
        if damaged:
            # It is unlikely that all checkpoints are damaged: leave them, and let the user look.
            raise UserError(next(iter(damaged.values())))
        return state
    assert restored is not None
    restored_state, trained_on = restored
    if trained_on not in (None, num_pairs):
        raise UserError(
            f"the run was trained on {trained_on} pairs and the data set has {num_pairs} now: "
            "take another workdir, or that data"
        )
    if damaged:
        folder = Path(manager.directory)
        with distributed.failing_together("process 0 cannot move a checkpoint: see its message"):
            for step, reason in damaged.items():
                quarantine(folder.parent, folder / str(step), reason)
        manager.reload()
    return restored_state


def _quarantine_damaged_metrics(workdir: Path) -> None:
    """Quarantines metrics that would keep Orbax from reading the metrics of all checkpoints."""
    damaged: dict[int, str] = {}
    # No process may move what another one is still reading, or open what is about to move.
    with distributed.failing_together("another process cannot read the metrics"):
        for step in all_steps(workdir):
            try:
                read_metrics(workdir, step)
            except CorruptCheckpoint as error:
                damaged[step] = str(error)
    with distributed.failing_together("process 0 cannot move metrics: see its message"):
        for step, reason in damaged.items():
            quarantine(workdir, workdir / "checkpoints" / str(step) / "metrics", reason)


def _restore(
    manager: ocp.CheckpointManager, step: int, state: PyTree, batches: DataIterator
) -> tuple[PyTree, int | None]:
    """Returns a checkpoint's state and number of training pairs, None for an initial checkpoint.

    An error leaves `batches` at its position.
    """
    folder = Path(manager.directory) / str(step)
    global_state = _convert(multihost_utils.host_local_array_to_global_array, state)
    shapes = jax.tree.map(ocp.tree.to_shape_dtype_struct, global_state)
    # A checkpoint of step 0 has no position in the data.
    position = {"data": grain.checkpoint.CheckpointRestore(batches)} if step else {}
    position_before = batches.get_state() if step else {}
    try:
        with manifest_lib.reading(folder):
            manifest = manifest_lib.read_manifest(folder)
            restored = manager.restore(
                step, args=ocp.args.Composite(state=ocp.args.StandardRestore(shapes), **position)
            )
            local_state = _convert(multihost_utils.global_array_to_host_local_array, restored.state)
            checksums = tree_checksums(local_state)
            num_pairs = manifest.get("num_pairs")
            if step:
                checksums["data"] = json_checksum(batches.get_state())
                checksums["num_pairs"] = json_checksum(num_pairs)
            manifest_lib.verify(checksums, manifest)
            return local_state, num_pairs
    except UserError:
        if step:
            batches.set_state(position_before)
        raise


def _convert(convert: Callable[..., PyTree], state: PyTree) -> PyTree:
    """Converts a replicated state by a function of `multihost_utils`, with several processes.

    The state changes from one replicated on the local devices to one replicated on all devices, or
    the other way round.
    """
    if jax.process_count() > 1:
        state = convert(state, distributed.global_mesh(), PartitionSpec())
    return state


def _require_free_space(folder: Path, state: PyTree) -> None:
    """Raises UserError if the disk is too full for a state, before Orbax begins to write it."""
    needed = sum(leaf.nbytes for leaf in jax.tree.leaves(state))
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise UserError(
            f"a checkpoint takes {needed / 1e6:.1f} MB and {folder} has {free / 1e6:.1f} MB left: "
            "make room and repeat the command; the earlier checkpoints are kept"
        )


@contextlib.contextmanager
def _writing(manager: ocp.CheckpointManager) -> Iterator[None]:
    """Turns the exceptions of writing a checkpoint into `UserError`."""
    try:
        yield
    # Orbax has no exception class for a full disk.
    except Exception as error:
        steps = ", ".join(map(str, all_steps(Path(manager.directory).parent)))
        raise UserError(
            f"a checkpoint cannot be written in {manager.directory} ({first_line(error)}); "
            f"earlier checkpoints: {steps or 'none'}"
        ) from error
