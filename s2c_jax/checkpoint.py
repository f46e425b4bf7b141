"""Checkpoints: both networks, their optimisers and the position in the data, by Orbax."""

import contextlib
import json
import shutil
import sys
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import grain.checkpoint
import jax
import numpy as np
import orbax.checkpoint as ocp
from jax.experimental import multihost_utils
from jax.sharding import Mesh, PartitionSpec
from jaxtyping import PyTree
from orbax.checkpoint.checkpoint_managers import preservation_policy

from s2c_jax import processes
from s2c_jax.errors import UserError
from s2c_jax.train_state import TrainState

# The metric by which a checkpoint is the best: the smallest.
BEST_BY = "ciede2000"


class DamageError(UserError):
    """A checkpoint is not what was saved."""


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
    for step in steps(workdir):
        try:
            _metrics(workdir, step)
        except DamageError as error:
            damaged[step] = str(error)
    processes.wait_for_all("the metrics have been read")
    for step, reason in damaged.items():
        _set_aside(workdir, workdir / "checkpoints" / str(step) / "metrics", reason)
    processes.wait_for_all("damaged metrics are set aside")
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
        item_names=("state", "data", "contents"),
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

    Raises:
        UserError: this checkpoint, or the one before, cannot be written.
    """
    # Without what it is ranked by, Orbax keeps no metrics.
    kept = dict(metrics) if BEST_BY in metrics else None
    checksums = _checksums(state)
    checksums["data"] = _checksum(batches.get_state())
    checksums["num_pairs"] = _checksum(num_pairs)
    if kept:
        checksums["metrics"] = _checksum(kept)
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


def save_start(manager: ocp.CheckpointManager, state: TrainState) -> None:
    """Saves a state of step 0, from which training starts with the first batch of the data.

    Raises:
        UserError: it cannot be written.
    """
    contents = {"checksums": _checksums(state)}
    with _writable(manager):
        manager.save(
            0,
            args=ocp.args.Composite(
                state=ocp.args.StandardSave(state), contents=ocp.args.JsonSave(contents)
            ),
        )


def restore_latest(
    manager: ocp.CheckpointManager, state: TrainState, batches: Any, num_pairs: int
) -> TrainState:
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
        except DamageError as error:
            reason = str(error)
        if not processes.all_agree(restored is not None):
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
            _set_aside(workdir, Path(manager.directory) / str(bad), reason)
        if damaged:
            processes.wait_for_all("damaged checkpoints are set aside")
            manager.reload()
        return found
    if damaged:
        # All of them: it may well be something else than damage, and they stay where they are.
        raise UserError(damaged[0][1])
    return state


def _restore(
    manager: ocp.CheckpointManager, step: int, state: TrainState, batches: Any
) -> tuple[TrainState, int | None]:
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
        with _readable(folder):
            contents = _contents(folder)
            restored = manager.restore(
                step,
                args=ocp.args.Composite(state=ocp.args.StandardRestore(shapes), **position),
            )
            own = _of_this_process(restored.state)
            found = _checksums(own)
            num_pairs: int | None = contents.get("num_pairs")
            if step:
                found["data"] = _checksum(batches.get_state())
                found["num_pairs"] = _checksum(num_pairs)
            _compare(found, contents)
            return own, num_pairs
    except UserError:
        if step:
            batches.set_state(before)
        raise


def _of_all_processes(state: TrainState) -> TrainState:
    """Returns a state that lies on this process's devices as one that lies on all devices."""
    if jax.process_count() == 1:
        return state
    everywhere: TrainState = multihost_utils.host_local_array_to_global_array(
        state, _all_devices(), PartitionSpec()
    )
    return everywhere


def _of_this_process(state: TrainState) -> TrainState:
    if jax.process_count() == 1:
        return state
    own: TrainState = multihost_utils.global_array_to_host_local_array(
        state, _all_devices(), PartitionSpec()
    )
    return own


def _all_devices() -> Mesh:
    return Mesh(np.array(jax.devices()), ("batch",))


def _require_room(folder: Path, state: TrainState) -> None:
    """Raises UserError if the state does not fit on the disk, before Orbax's threads find out."""
    needed = sum(leaf.nbytes for leaf in jax.tree.leaves(state))
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise UserError(
            f"a checkpoint takes {needed / 1e6:.1f} MB and {folder} has {free / 1e6:.1f} MB left: "
            "make room and give the same command again; the checkpoints before are still there"
        )


def _checksums(tree: PyTree) -> dict[str, int]:
    """Returns the CRC-32 of each leaf's bytes, by its path."""
    return {
        jax.tree_util.keystr(path, simple=True, separator="/"): zlib.crc32(
            np.ascontiguousarray(leaf).data
        )
        for path, leaf in jax.tree_util.tree_leaves_with_path(jax.device_get(tree))
    }


def _checksum(value: Any) -> int:
    return zlib.crc32(json.dumps(value, sort_keys=True).encode())


def _compare(found: Mapping[str, int], contents: Mapping[str, Any]) -> None:
    """Raises ValueError unless what was read is what was saved."""
    for name, checksum in found.items():
        if contents["checksums"][name] != checksum:
            raise ValueError(f"{name} is not what was saved")


def _set_aside(workdir: Path, folder: Path, reason: str) -> None:
    """Moves what is damaged of a checkpoint out of the way, and says so; of all processes one."""
    if not processes.is_first():
        return
    name = "_".join(folder.relative_to(workdir / "checkpoints").parts)
    place, number = workdir / "damaged" / name, 1
    while place.exists():
        number += 1
        place = place.with_name(f"{name}_{number}")
    try:
        if folder.exists():
            place.parent.mkdir(exist_ok=True)
            folder.rename(place)
            reason += f": it is in {place} now"
    except OSError as error:
        raise UserError(
            f"{reason}, nor can it be moved to {place} ({error.strerror or error})"
        ) from None
    print(f"s2c_jax: {reason}", file=sys.stderr)


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
        metrics = {candidate: _metrics(workdir, candidate) for candidate in found}
        measured = {candidate: _badness(known) for candidate, known in metrics.items() if known}
        if not measured:
            raise UserError(f"{workdir} has no checkpoint with metrics: take the last")
        return min(measured, key=measured.__getitem__)
    if step not in found:
        raise UserError(f"{workdir} has no checkpoint {step}; it has {', '.join(map(str, found))}")
    return int(step)


def _metrics(workdir: Path, step: int) -> dict[str, float]:
    """Returns a checkpoint's metrics, none if it was not measured.

    Raises:
        UserError: they cannot be read.
    """
    folder = workdir.absolute() / "checkpoints" / str(step)
    with _readable(folder):
        contents = _contents(folder)
        if "metrics" not in contents["checksums"]:
            return {}
        metrics: dict[str, float] = json.loads((folder / "metrics" / "metrics").read_text())
        _compare({"metrics": _checksum(metrics)}, contents)
        return metrics


def _contents(folder: Path) -> dict[str, Any]:
    if (folder / "num_pairs").is_dir():
        raise UserError(
            f"the checkpoint {folder} is of an earlier version, which kept no checksums: "
            "take that version, or another --workdir"
        )
    contents: dict[str, Any] = json.loads((folder / "contents" / "metadata").read_text())
    return contents


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
        UserError: there is no such checkpoint, or it cannot be read, or is not what was saved.
    """
    step = find(workdir, step)
    folder = workdir.absolute() / "checkpoints" / str(step)
    name = "ema" if averaged else "generator"
    wanted = {name: variables}
    with _readable(folder), ocp.Checkpointer(ocp.PyTreeCheckpointHandler()) as checkpointer:
        contents = _contents(folder)
        restored = checkpointer.restore(
            folder / "state",
            args=ocp.args.PyTreeRestore(
                wanted,
                restore_args=ocp.checkpoint_utils.construct_restore_args(wanted),
                partial_restore=True,
            ),
        )
        _compare(_checksums(restored), contents)
    return step, restored[name]


@contextlib.contextmanager
def _readable(folder: Path) -> Iterator[None]:
    try:
        yield
    except UserError:
        raise
    # What a damaged file makes of Orbax, TensorStore and Grain has no class of its own.
    except Exception as error:
        message = f"the checkpoint {folder} cannot be read ({_reason(error)})"
        # The machine's troubles, which may be over next time.
        troubled = (
            isinstance(error, MemoryError)
            or (isinstance(error, OSError) and not isinstance(error, FileNotFoundError))
            or "RESOURCE_EXHAUSTED" in str(error)
        )
        raise UserError(message) if troubled else DamageError(message) from error


@contextlib.contextmanager
def _writable(manager: ocp.CheckpointManager) -> Iterator[None]:
    try:
        yield
    # Nor has what a full disk does.
    except Exception as error:
        raise UserError(
            f"a checkpoint cannot be written in {manager.directory} ({_reason(error)}); "
            f"there are steps {', '.join(map(str, steps(Path(manager.directory).parent)))}"
        ) from error


def _reason(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
