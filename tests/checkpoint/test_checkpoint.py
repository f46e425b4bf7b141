"""Damage to a checkpoint is noticed, whatever it is, and the one before is taken."""

import dataclasses
import errno
import json
import shutil

import jax
import jax.numpy as jnp
import orbax.checkpoint as ocp
import pytest

from s2c_jax import checkpoint
from s2c_jax.datasets import input_pipeline
from s2c_jax.errors import UserError
from s2c_jax.training import build, loop
from tests.support.configs import make_small_config
from tests.support.trees import assert_trees_equal


def remove(path):
    path.unlink()


def truncate(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def flip(path):
    data = bytearray(path.read_bytes())
    for place in (len(data) // 3, len(data) // 2):
        data[place] ^= 0x10
    path.write_bytes(data)


@pytest.fixture(scope="module")
def config(data_dir):
    config = make_small_config(data_dir)
    config.num_epochs = 3
    config.checkpoint.keep = 2
    return config


@pytest.fixture(scope="module")
def run(tmp_path_factory, config):
    """A run with two checkpoints."""
    workdir = tmp_path_factory.mktemp("run")
    loop.train_and_evaluate(config, workdir)
    assert len(checkpoint.all_steps(workdir)) in (2, 3)
    return workdir


@pytest.fixture(scope="module")
def source(config):
    return input_pipeline.open_split("openmoji_sketch", 64, "train", config.dataset.data_dir)


@pytest.fixture
def damaged(run, tmp_path):
    workdir = tmp_path / "run"
    shutil.copytree(run, workdir)
    return workdir


def restore(workdir, config, source):
    """Returns what training would go on from: the state and the position in the data."""
    batches = input_pipeline.train_batches(source, batch_size=8, seed=0, num_threads=1)
    with checkpoint.open_manager(workdir, 2) as manager:
        state = checkpoint.restore_latest(manager, build.init_state(config), batches, len(source))
        return jax.device_get(state), batches.get_state()


# Orbax leaves its coroutines alone when one of them has failed.
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("damage", [remove, truncate, flip])
def test_whatever_file_is_damaged_what_is_restored_is_right(
    run, config, source, tmp_path, capsys, damage
):
    """A file may be one of those that nothing is read from; then nothing is said either."""
    *_, before, last = checkpoint.all_steps(run)
    copy = tmp_path / "without_the_last"
    shutil.copytree(run, copy)
    shutil.rmtree(copy / "checkpoints" / str(last))
    expected = {last: restore(run, config, source), before: restore(copy, config, source)}
    assert [int(expected[step][0].step) for step in (before, last)] == [before, last]
    capsys.readouterr()
    fallen_back, without_metrics = [], []
    folder = run / "checkpoints" / str(last)
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        workdir = tmp_path / "damaged"
        shutil.copytree(run, workdir)
        damage(workdir / file.relative_to(run))
        state, position = restore(workdir, config, source)
        step = int(state.step)
        assert_trees_equal((state, position), expected[step])
        told = capsys.readouterr().err.splitlines()
        aside = workdir / "damaged" / str(last)
        if step == before:
            fallen_back.append(file.relative_to(folder).parts[0])
            line = told[-1]
            assert line.startswith(f"s2c_jax: the checkpoint {workdir}/checkpoints/{last} cannot")
            assert f"it is in {aside} now" in line
            kept = sum(path.is_file() for path in aside.rglob("*"))
            # Without its metrics, if what tells that they are sound is damaged as well.
            metrics = workdir / "damaged" / f"{last}_metrics"
            kept += sum(path.is_file() for path in metrics.rglob("*"))
            assert kept >= sum(path.is_file() for path in folder.rglob("*")) - 1
        elif told:
            (line,) = told
            assert file.relative_to(folder).parts[0] in ("metrics", "contents")
            assert line.startswith(f"s2c_jax: the checkpoint {workdir}/checkpoints/{last} cannot")
            without_metrics.append(file)
        else:
            assert not (workdir / "damaged").exists()
        shutil.rmtree(workdir)
    assert set(fallen_back) == {"state", "data", "contents"}
    assert folder / "metrics" / "metrics" in without_metrics


def test_training_goes_on_from_the_one_before_to_the_same_parameters(run, config, source, damaged):
    last = checkpoint.all_steps(run)[-1]
    remove(damaged / "checkpoints" / str(last) / "state" / "manifest.ocdbt")
    loop.train_and_evaluate(config, damaged)
    assert checkpoint.all_steps(damaged)[-1] == last
    assert_trees_equal(restore(damaged, config, source), restore(run, config, source))
    assert (damaged / "damaged" / str(last)).is_dir()


def test_if_none_can_be_read_the_last_is_named_and_all_stay(config, damaged):
    steps = checkpoint.all_steps(damaged)
    for step in steps:
        remove(damaged / "checkpoints" / str(step) / "state" / "manifest.ocdbt")
    with pytest.raises(UserError, match=f"checkpoints/{steps[-1]} cannot be read") as raised:
        loop.train_and_evaluate(config, damaged)
    assert "\n" not in str(raised.value)
    assert checkpoint.all_steps(damaged) == steps


def test_a_damaged_generator_does_not_colour(config, damaged):
    last = checkpoint.all_steps(damaged)[-1]
    file = damaged / "checkpoints" / str(last) / "contents" / "metadata"
    contents = json.loads(file.read_text())
    contents["checksums"]["ema/params/output/kernel"] += 1
    file.write_text(json.dumps(contents))
    shapes = jax.eval_shape(lambda state: state.colorizer, build.init_state(config))
    with pytest.raises(UserError, match="ema/params/output/kernel is not what was saved"):
        checkpoint.restore_generator(damaged, shapes, "last", averaged=True)


def test_a_full_disk_is_named_and_what_was_there_stays(config, source, damaged, monkeypatch):
    """Full when Orbax writes, though there was room before."""
    steps = checkpoint.all_steps(damaged)
    batches = input_pipeline.train_batches(source, batch_size=8, seed=0, num_threads=1)
    state = dataclasses.replace(build.init_state(config), step=jnp.int32(99))

    def fail(*_, **__):
        raise ValueError("RESOURCE_EXHAUSTED: No space left on device")

    monkeypatch.setattr(ocp.CheckpointManager, "save", fail)
    with (
        pytest.raises(UserError, match="cannot be written in .*No space left.*there are steps"),
        checkpoint.open_manager(damaged, 2) as manager,
    ):
        checkpoint.save(manager, state, batches, len(source), {})
    assert checkpoint.all_steps(damaged) == steps
    assert int(restore(damaged, config, source)[0].step) == steps[-1]


def test_a_checkpoint_that_has_no_room_is_not_begun(config, source, damaged, monkeypatch):
    steps = checkpoint.all_steps(damaged)
    batches = input_pipeline.train_batches(source, batch_size=8, seed=0, num_threads=1)
    state = dataclasses.replace(build.init_state(config), step=jnp.int32(99))
    usage = shutil.disk_usage(damaged)._replace(free=1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    with (
        pytest.raises(UserError, match=r"checkpoints has 0.0 MB left: make room"),
        checkpoint.open_manager(damaged, 2) as manager,
    ):
        checkpoint.save(manager, state, batches, len(source), {})
    assert sorted(path.name for path in (damaged / "checkpoints").iterdir()) == sorted(
        map(str, steps)
    )


def test_the_machines_troubles_are_no_damage(config, damaged, monkeypatch):
    steps = checkpoint.all_steps(damaged)
    for trouble in (MemoryError("no memory"), OSError(errno.EIO, "Input/output error")):

        def fail(*_, trouble=trouble, **__):
            raise trouble

        with monkeypatch.context() as patch:
            patch.setattr(ocp.CheckpointManager, "restore", fail)
            with pytest.raises(UserError, match=f"checkpoints/{steps[-1]} cannot be read"):
                loop.train_and_evaluate(config, damaged)
    assert checkpoint.all_steps(damaged) == steps
    assert not (damaged / "damaged").exists()


def test_a_checkpoint_without_checksums_stays_where_it_is(config, damaged):
    """As versions before had them."""
    steps = checkpoint.all_steps(damaged)
    for step in steps:
        contents = damaged / "checkpoints" / str(step) / "contents"
        contents.rename(contents.with_name("num_pairs"))
    with pytest.raises(UserError, match="is of an earlier version"):
        loop.train_and_evaluate(config, damaged)
    shapes = jax.eval_shape(lambda state: state.colorizer, build.init_state(config))
    with pytest.raises(UserError, match="is of an earlier version"):
        checkpoint.restore_generator(damaged, shapes, "last", averaged=True)
    assert checkpoint.all_steps(damaged) == steps


def test_behind_a_damaged_checkpoint_the_start_is_the_start_of_the_data(config, source, damaged):
    """As that of a run that began with another framework's weights."""
    step = checkpoint.all_steps(damaged)[-1]
    state = build.init_state(config)
    shutil.rmtree(damaged / "checkpoints")
    (damaged / "checkpoints").mkdir()
    batches = input_pipeline.train_batches(source, batch_size=8, seed=0, num_threads=1)
    start = batches.get_state()
    with checkpoint.open_manager(damaged, 2) as manager:
        checkpoint.save_initial(manager, state)
    next(batches)
    with checkpoint.open_manager(damaged, 2) as manager:
        manager.save(
            manager, dataclasses.replace(state, step=jnp.int32(step)), batches, len(source), {}
        )
    file = damaged / "checkpoints" / str(step) / "contents" / "metadata"
    contents = json.loads(file.read_text())
    contents["checksums"]["ema/params/output/kernel"] += 1
    file.write_text(json.dumps(contents))
    state, position = restore(damaged, config, source)
    assert int(state.step) == 0
    assert position == start


def test_lost_metrics_are_named(damaged, capsys):
    """What was the best may be lost with them."""
    step = checkpoint.all_steps(damaged)[0]
    shutil.rmtree(damaged / "checkpoints" / str(step) / "metrics")
    with pytest.raises(UserError, match=f"checkpoints/{step} cannot be read"):
        checkpoint.resolve_step(damaged, "best")
    with checkpoint.open_manager(damaged, 2):
        assert f"checkpoints/{step} cannot be read" in capsys.readouterr().err


def test_damaged_metrics_are_named(damaged):
    step = checkpoint.all_steps(damaged)[0]
    (damaged / "checkpoints" / str(step) / "metrics" / "metrics").write_text("{")
    with pytest.raises(UserError, match=f"checkpoints/{step} cannot be read"):
        checkpoint.resolve_step(damaged, "best")
