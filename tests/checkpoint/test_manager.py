"""Saves and restores: damage is noticed in any file, and the checkpoint before it is restored."""

import dataclasses
import errno
import itertools
import shutil
from pathlib import Path

import jax
import jax.numpy as jnp
import orbax.checkpoint as ocp
import pytest

from s2c_jax import checkpoint, distributed
from s2c_jax.errors import UserError
from s2c_jax.training import loop
from tests.support.checkpoints import (
    change_checksum,
    flip_bits,
    folder_of,
    lose_state,
    make_old,
    open_batches,
    remove,
    restore,
    truncate,
)
from tests.support.trees import assert_trees_equal


@pytest.fixture
def later(state):
    """A state at a step that the run has not reached."""
    return dataclasses.replace(state, step=jnp.int32(99))


@pytest.fixture(scope="module")
def expected(workdir, state, source, tmp_path_factory):
    """What is restored from the last checkpoint, and without it from the one before, by step."""
    *_, before, last = checkpoint.all_steps(workdir)
    run = shutil.copytree(workdir, tmp_path_factory.mktemp("expected") / "run")
    found = {last: restore(run, state, source)}
    shutil.rmtree(folder_of(run, last))
    found[before] = restore(run, state, source)
    assert [int(found[step][0].step) for step in (before, last)] == [before, last]
    return found


# Orbax does not await its other coroutines when one of them has failed.
@pytest.mark.filterwarnings("ignore")
@pytest.mark.slow(reason="restores a checkpoint once for each of its files")
def test_damage_to_any_file_is_noticed_or_harmless(
    workdir, state, source, expected, tmp_path, capsys
):
    """Damages each file in one of three ways, in turn.

    Nothing is read from some of the files. Damage to them is harmless, and not named.
    """
    ways = itertools.cycle([remove, truncate, flip_bits])
    before, last = sorted(expected)
    folder = folder_of(workdir, last)
    fallen_back, without_metrics = set(), set()
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        item = file.relative_to(folder).parts[0]
        run = shutil.copytree(workdir, tmp_path / "run")
        next(ways)(run / file.relative_to(workdir))
        restored = restore(run, state, source)
        step = int(restored[0].step)
        assert_trees_equal(restored, expected[step])
        messages = capsys.readouterr().err.splitlines()
        named = f"s2c_jax: the checkpoint {folder_of(run, last)} cannot be read"
        if step == before:
            fallen_back.add(item)
            assert messages[-1].startswith(named)
            assert f"it is in {run / 'damaged' / str(last)} now" in messages[-1]
            # Damage to the manifest quarantines the metrics as well, before the checkpoint.
            quarantined = sum(path.is_file() for path in (run / "damaged").rglob("*"))
            assert quarantined >= sum(path.is_file() for path in folder.rglob("*")) - 1
        elif messages:
            (message,) = messages
            assert item in ("metrics", "contents")
            assert message.startswith(named)
            without_metrics.add(file.relative_to(folder))
        else:
            assert not (run / "damaged").exists()
        shutil.rmtree(run)
    assert fallen_back == {"state", "data", "contents"}
    assert Path("metrics", "metrics") in without_metrics


@pytest.mark.slow(reason="trains an epoch and compiles its step")
def test_training_repeats_a_damaged_checkpoint_to_the_same_parameters(
    run, config, state, source, expected
):
    last = checkpoint.all_steps(run)[-1]
    lose_state(run, last)
    loop.train_and_evaluate(config, run)
    assert checkpoint.all_steps(run)[-1] == last
    assert_trees_equal(restore(run, state, source), expected[last])
    assert (run / "damaged" / str(last)).is_dir()


def test_damage_to_all_checkpoints_moves_none_and_names_the_last(run, state, source):
    steps = checkpoint.all_steps(run)
    for step in steps:
        lose_state(run, step)
    with pytest.raises(UserError, match=f"checkpoints/{steps[-1]} cannot be read") as raised:
        restore(run, state, source)
    assert "\n" not in str(raised.value)
    assert checkpoint.all_steps(run) == steps
    assert not (run / "damaged").exists()


def test_a_failed_write_is_named_and_keeps_earlier_checkpoints(
    run, state, later, source, monkeypatch
):
    """The disk has room when the save begins, and is full when Orbax writes."""
    steps = checkpoint.all_steps(run)

    def fail(*_, **__):
        raise ValueError("RESOURCE_EXHAUSTED: No space left on device")

    monkeypatch.setattr(ocp.CheckpointManager, "save", fail)
    message = f"cannot be written in .*No space left.*earlier checkpoints: {steps[0]}, {steps[1]}"
    with (
        open_batches(source) as batches,
        pytest.raises(UserError, match=message),
        checkpoint.open_manager(run, 2) as manager,
    ):
        checkpoint.save(manager, later, batches, len(source), {})
    assert checkpoint.all_steps(run) == steps
    assert int(restore(run, state, source)[0].step) == steps[-1]


def test_a_checkpoint_larger_than_the_free_space_is_not_begun(run, later, source, monkeypatch):
    steps = checkpoint.all_steps(run)
    usage = shutil.disk_usage(run)._replace(free=1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    with (
        open_batches(source) as batches,
        pytest.raises(UserError, match=r"checkpoints has 0.0 MB left: make room"),
        checkpoint.open_manager(run, 2) as manager,
    ):
        checkpoint.save(manager, later, batches, len(source), {})
    folders = sorted(path.name for path in (run / "checkpoints").iterdir())
    assert folders == sorted(map(str, steps))


def test_a_process_without_memory_tells_the_others_before_it_fails(run, state, source, monkeypatch):
    told = []

    def fail(*_, **__):
        raise MemoryError("no memory")

    def agree(condition):
        told.append(condition)
        return condition

    monkeypatch.setattr(ocp.CheckpointManager, "restore", fail)
    monkeypatch.setattr(distributed, "all_agree", agree)
    with pytest.raises(UserError, match="no memory"):
        restore(run, state, source)
    assert told[-1] is False


@pytest.mark.parametrize(
    "error", [MemoryError("no memory"), OSError(errno.EIO, "Input/output error")]
)
def test_an_error_of_the_computer_is_not_taken_for_damage(run, state, source, monkeypatch, error):
    steps = checkpoint.all_steps(run)

    def fail(*_, **__):
        raise error

    monkeypatch.setattr(ocp.CheckpointManager, "restore", fail)
    with pytest.raises(UserError, match=f"checkpoints/{steps[-1]} cannot be read"):
        restore(run, state, source)
    assert checkpoint.all_steps(run) == steps
    assert not (run / "damaged").exists()


def test_a_checkpoint_without_a_manifest_is_named_and_stays(run, state, source):
    steps = checkpoint.all_steps(run)
    for step in steps:
        make_old(run, step)
    with pytest.raises(UserError, match="is of an earlier version"):
        restore(run, state, source)
    assert checkpoint.all_steps(run) == steps


def test_an_initial_checkpoint_is_restored_with_the_start_of_the_data(run, state, source, capsys):
    """The initial checkpoint, as of imported weights, stands before a damaged checkpoint."""
    step = checkpoint.all_steps(run)[-1]
    shutil.rmtree(run / "checkpoints")
    (run / "checkpoints").mkdir()
    with open_batches(source) as batches:
        start = batches.get_state()
        with checkpoint.open_manager(run, 2) as manager:
            checkpoint.save(manager, state)
        next(batches)
        with checkpoint.open_manager(run, 2) as manager:
            moved_on = dataclasses.replace(state, step=jnp.int32(step))
            checkpoint.save(manager, moved_on, batches, len(source), {})
    change_checksum(run, step)
    restored, position = restore(run, state, source)
    assert f"checkpoints/{step} cannot be read" in capsys.readouterr().err
    assert_trees_equal(restored, jax.device_get(state))
    assert position == start


def test_another_number_of_training_pairs_is_refused(run, state, source):
    with (
        open_batches(source) as batches,
        pytest.raises(UserError, match=f"trained on {len(source)} pairs and the data set has 7"),
        checkpoint.open_manager(run, 2) as manager,
    ):
        checkpoint.restore_latest(manager, state, batches, 7)


def test_lost_metrics_are_named_and_the_checkpoint_stays(run, capsys):
    steps = checkpoint.all_steps(run)
    shutil.rmtree(folder_of(run, steps[0]) / "metrics")
    with checkpoint.open_manager(run, 2):
        assert f"checkpoints/{steps[0]} cannot be read" in capsys.readouterr().err
    assert checkpoint.all_steps(run) == steps


def test_quarantined_metrics_are_named_once_and_count_as_not_measured(run, capsys):
    first, last = checkpoint.all_steps(run)
    (folder_of(run, first) / "metrics" / "metrics").write_text("{")
    for is_named in (True, False):
        with checkpoint.open_manager(run, 2):
            assert (f"checkpoints/{first} cannot be read" in capsys.readouterr().err) is is_named
    assert (run / "damaged" / f"{first}_metrics").is_dir()
    assert checkpoint.all_steps(run) == [first, last]
    assert checkpoint.resolve_step(run, "best") == last
