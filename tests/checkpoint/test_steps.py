"""The last, the best or a given checkpoint is found, or the error says what there is."""

import shutil

import pytest

from s2c_jax import checkpoint
from s2c_jax.checkpoint import steps as steps_lib
from s2c_jax.errors import UserError
from tests.support.checkpoints import folder_of


def test_resolve_step_finds_the_last_and_a_given_checkpoint(workdir):
    steps = checkpoint.all_steps(workdir)
    assert len(steps) == 2
    assert checkpoint.resolve_step(workdir, "last") == steps[-1]
    assert checkpoint.resolve_step(workdir, steps[0]) == steps[0]


@pytest.mark.parametrize("best", [0, 1])
def test_resolve_step_best_has_the_smallest_ranking_metric(workdir, monkeypatch, best):
    steps = checkpoint.all_steps(workdir)
    metrics = {step: {checkpoint.RANKING_METRIC: float(abs(step - steps[best]))} for step in steps}
    monkeypatch.setattr(steps_lib, "read_metrics", lambda _, step: metrics[step])
    assert checkpoint.resolve_step(workdir, "best") == steps[best]


def test_resolve_step_best_needs_a_checkpoint_with_metrics(workdir, monkeypatch):
    monkeypatch.setattr(steps_lib, "read_metrics", lambda *_: {})
    with pytest.raises(UserError, match="no checkpoint with metrics: take the last"):
        checkpoint.resolve_step(workdir, "best")


def test_resolve_step_names_the_steps_that_exist(workdir, tmp_path):
    first, last = checkpoint.all_steps(workdir)
    with pytest.raises(UserError, match=f"no checkpoint 999; it has {first}, {last}"):
        checkpoint.resolve_step(workdir, 999)
    with pytest.raises(UserError, match="holds no checkpoint: has its first epoch ended"):
        checkpoint.resolve_step(tmp_path, "last")


def lose_metrics(folder):
    shutil.rmtree(folder)


def damage_metrics(folder):
    (folder / "metrics").write_text("{")


@pytest.mark.parametrize("damage", [lose_metrics, damage_metrics])
def test_resolve_step_best_names_damaged_metrics(run, damage):
    """The checkpoint whose metrics are damaged may be the best."""
    step = checkpoint.all_steps(run)[0]
    damage(folder_of(run, step) / "metrics")
    with pytest.raises(UserError, match=f"checkpoints/{step} cannot be read"):
        checkpoint.resolve_step(run, "best")
