"""The loop: what it writes, and that a run stopped and started again is one run."""

import json
import os
import signal
import time

import jax
import numpy as np
import orbax.checkpoint as ocp
import pytest
from PIL import Image

from s2c_jax import checkpoint
from s2c_jax.datasets import input_pipeline
from s2c_jax.errors import UserError
from s2c_jax.evaluation.scoring import Scores
from s2c_jax.training import build, report
from s2c_jax.training import loop as train_lib
from tests.support.configs import make_small_config
from tests.support.drawings import NUM_DRAWINGS
from tests.support.tensorboard import scalars
from tests.support.trees import assert_trees_equal

METRICS = (
    "mae", "psnr", "ssim", "ciede2000", "ciede2000_hue", "colorfulness", "leakage", "line_loss",
    "checkerboard",
)  # fmt: skip


def saved_state(workdir, step):
    with checkpoint.open_manager(workdir, keep=3) as manager:
        return manager.restore(
            step, args=ocp.args.Composite(state=ocp.args.StandardRestore())
        ).state


@pytest.fixture(scope="module")
def finished(workdir):
    """A run of two epochs without interruption."""
    return workdir


@pytest.fixture(scope="module")
def module_config(data_dir):
    return make_small_config(data_dir)


@pytest.fixture(scope="module")
def steps_per_epoch(data_dir):
    train = input_pipeline.open_split("openmoji_sketch", 64, "train", data_dir)
    assert len(train) < NUM_DRAWINGS
    return len(train) // 8


def test_a_run_writes_config_checkpoints_and_samples_into_its_workdir(
    finished, module_config, steps_per_epoch
):
    assert json.loads((finished / "config.json").read_text())["batch_size"] == 8
    steps = sorted(int(p.name) for p in (finished / "checkpoints").iterdir() if p.name.isdigit())
    assert steps == [steps_per_epoch, 2 * steps_per_epoch]
    for epoch in (1, 2):
        sheet = Image.open(finished / "samples" / f"epoch_{epoch:04d}.png")
        assert np.asarray(sheet).std() > 10


def test_tensorboard_has_the_means_of_every_epoch(finished):
    found = scalars(finished / "tensorboard")
    wanted = {
        "discriminator_loss",
        "discriminator_loss/real",
        "discriminator_loss/generated",
        "generator_loss",
        "generator_loss/adversarial",
        "generator_loss/pixel",
        "generator_loss/total_variation",
        "speed/images_per_second",
        "speed/data_wait_share",
    }
    wanted |= {f"validation/{name}" for name in METRICS}
    assert wanted | {"samples"} == set(found)
    for name in wanted:
        assert [step for step, _ in found[name]] == [1, 2]
        assert all(np.isfinite(value) for _, value in found[name])
    total = dict(found["generator_loss"])
    pixel, adversarial, variation = (
        dict(found[f"generator_loss/{part}"])
        for part in ("pixel", "adversarial", "total_variation")
    )
    for epoch in (1, 2):
        parts = 100 * pixel[epoch] + 0.2 * adversarial[epoch] + 1e-4 * variation[epoch]
        np.testing.assert_allclose(total[epoch], parts, rtol=1e-5)
        assert 0 <= dict(found["speed/data_wait_share"])[epoch] <= 1


@pytest.mark.slow(reason="trains another run")
def test_a_run_resumed_after_an_epoch_ends_with_the_same_parameters(
    finished, small_config, tmp_path, steps_per_epoch
):
    small_config.num_epochs = 1
    train_lib.train_and_evaluate(small_config, tmp_path)
    small_config.num_epochs = 2
    train_lib.train_and_evaluate(small_config, tmp_path)
    last = 2 * steps_per_epoch
    assert_trees_equal(saved_state(tmp_path, last), saved_state(finished, last))
    found = scalars(tmp_path / "tensorboard")
    assert [step for step, _ in found["generator_loss"]] == [1, 2]


@pytest.mark.slow(reason="trains another run")
def test_a_run_resumed_within_an_epoch_ends_with_the_same_parameters(
    finished, small_config, tmp_path, steps_per_epoch
):
    small_config.max_steps = steps_per_epoch + 1
    train_lib.train_and_evaluate(small_config, tmp_path)
    small_config.max_steps = 0
    train_lib.train_and_evaluate(small_config, tmp_path)
    last = 2 * steps_per_epoch
    assert_trees_equal(saved_state(tmp_path, last), saved_state(finished, last))


def test_a_finished_run_started_again_says_that_nothing_is_left_and_writes_nothing(
    finished, module_config, capsys
):
    before = {p: p.stat().st_mtime_ns for p in (finished / "checkpoints").rglob("*")}
    train_lib.train_and_evaluate(module_config, finished)
    assert "there is nothing left to do" in capsys.readouterr().out
    assert {p: p.stat().st_mtime_ns for p in (finished / "checkpoints").rglob("*")} == before


@pytest.mark.slow(reason="trains another run")
def test_the_last_checkpoints_and_the_best_are_kept(
    small_config, tmp_path, steps_per_epoch, monkeypatch
):
    """The second of six epochs is the best; a run that goes on knows that."""
    differences = iter([5.0, 1.0, 4.0, 2.0, 3.0, 6.0])
    monkeypatch.setattr(train_lib, "score", lambda *_: Scores({"ciede2000": next(differences)}, []))
    small_config.checkpoint.keep = 2
    for epochs, kept in ((4, [2, 3, 4]), (6, [2, 5, 6])):
        small_config.num_epochs = epochs
        train_lib.train_and_evaluate(small_config, tmp_path)
        assert checkpoint.all_steps(tmp_path) == [epoch * steps_per_epoch for epoch in kept]
        assert checkpoint.resolve_step(tmp_path, "best") == 2 * steps_per_epoch
        assert checkpoint.resolve_step(tmp_path, "last") == epochs * steps_per_epoch


@pytest.mark.slow(reason="trains another run")
def test_validation_does_not_count_as_training_time(small_config, tmp_path, monkeypatch):
    clock, hours = time.perf_counter, [0]

    def slow_score(*_):
        hours[0] += 1
        return Scores({"mae": 0.5}, [])

    monkeypatch.setattr(train_lib, "score", slow_score)
    monkeypatch.setattr(report.time, "perf_counter", lambda: clock() + 3600 * hours[0])
    train_lib.train_and_evaluate(small_config, tmp_path)
    pictures = (
        small_config.batch_size
        * checkpoint.resolve_step(tmp_path, "last")
        / small_config.num_epochs
    )
    for _, images_per_second in scalars(tmp_path / "tensorboard")["speed/images_per_second"]:
        assert pictures / images_per_second < 3600


@pytest.mark.slow(reason="trains another run")
def test_validation_runs_every_few_epochs_and_at_the_end(small_config, tmp_path):
    small_config.num_epochs = 3
    small_config.validation.every_epochs = 2
    small_config.checkpoint.every_epochs = 3
    train_lib.train_and_evaluate(small_config, tmp_path)
    found = scalars(tmp_path / "tensorboard")
    assert [step for step, _ in found["validation/ciede2000"]] == [2, 3]
    assert [step for step, _ in found["generator_loss"]] == [1, 2, 3]


def test_the_workdir_of_another_config_is_refused_and_not_changed(finished, small_config):
    before = (finished / "config.json").read_bytes()
    small_config.generator.channels = (8, 8, 8)
    with pytest.raises(UserError, match=r"generator.channels was \(4, 8, 8\) and is \(8, 8, 8\)"):
        train_lib.train_and_evaluate(small_config, finished)
    assert (finished / "config.json").read_bytes() == before


def test_a_run_does_not_resume_with_other_data(finished, module_config, monkeypatch):
    opened = input_pipeline.open_split

    def without_the_last(*arguments):
        source = opened(*arguments)
        return [source[i] for i in range(len(source) - 1)]

    monkeypatch.setattr(input_pipeline, "open_split", without_the_last)
    with pytest.raises(UserError, match=r"trained on \d+ pairs and the data set has \d+ now"):
        train_lib.train_and_evaluate(module_config, finished)


def test_a_checkpoint_holds_both_networks_their_optimisers_and_the_average(
    finished, module_config, steps_per_epoch
):
    state = saved_state(finished, 2 * steps_per_epoch)
    assert int(state["step"]) == 2 * steps_per_epoch
    variables = {key: state["generator"][key] for key in ("params", "batch_stats")}
    assert jax.tree.map(np.shape, state["ema"]) == jax.tree.map(np.shape, variables)
    # Neither the trained generator nor the initial one.
    start = build.init_state(module_config).ema
    for other in (variables, start):
        kernels = (tree["params"]["output"]["kernel"] for tree in (state["ema"], other))
        assert not np.allclose(*kernels, atol=1e-6)
    for network in ("generator", "discriminator"):
        assert set(state[network]) == {"params", "batch_stats", "opt_state"}
        assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(state[network]))


@pytest.mark.slow(reason="trains another run")
def test_training_stops_at_the_step_whose_gradient_is_not_finite(small_config, tmp_path):
    small_config.loss.pixel = 3e38
    with pytest.raises(UserError, match="step 1: the gradient is not finite"):
        train_lib.train_and_evaluate(small_config, tmp_path)
    assert checkpoint.all_steps(tmp_path) == []


@pytest.mark.slow(reason="trains another run")
def test_the_last_checkpoint_waits_until_queued_gradients_are_checked(small_config, tmp_path):
    small_config.loss.pixel = 3e38
    small_config.max_steps = 2
    with pytest.raises(UserError, match="step 1: the gradient is not finite"):
        train_lib.train_and_evaluate(small_config, tmp_path)
    assert checkpoint.all_steps(tmp_path) == []


@pytest.mark.slow(reason="trains another run")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_within_an_epoch_saves_a_checkpoint_from_which_the_run_resumes(
    finished, small_config, tmp_path, steps_per_epoch, monkeypatch, number
):
    stop_at = steps_per_epoch + 2
    count = train_lib.Report.log_step

    def step_and_signal(self, step, losses):
        count(self, step, losses)
        if step == stop_at:
            os.kill(os.getpid(), number)

    with monkeypatch.context() as patch:
        patch.setattr(train_lib.Report, "log_step", step_and_signal)
        assert train_lib.train_and_evaluate(small_config, tmp_path) == number
    assert checkpoint.all_steps(tmp_path)[-1] == stop_at
    assert train_lib.train_and_evaluate(small_config, tmp_path) is None
    last = 2 * steps_per_epoch
    assert_trees_equal(saved_state(tmp_path, last), saved_state(finished, last))


@pytest.mark.slow(reason="trains another run")
def test_a_signal_while_the_last_checkpoint_is_written_does_not_lose_the_checkpoint(
    small_config, tmp_path, steps_per_epoch, monkeypatch
):
    small_config.num_epochs = 1
    close = ocp.CheckpointManager.close

    def signal_and_close(self):
        os.kill(os.getpid(), signal.SIGTERM)
        close(self)

    with monkeypatch.context() as patch:
        patch.setattr(ocp.CheckpointManager, "close", signal_and_close)
        assert train_lib.train_and_evaluate(small_config, tmp_path) is None
    assert checkpoint.all_steps(tmp_path) == [steps_per_epoch]


@pytest.mark.slow(reason="trains another run")
def test_skip_not_finite_counts_skipped_steps(small_config, tmp_path, steps_per_epoch, capsys):
    small_config.loss.pixel = 3e38
    small_config.optimizer.skip_not_finite = True
    small_config.num_epochs = 1
    train_lib.train_and_evaluate(small_config, tmp_path)
    assert f"epoch 1 of 1  skipped {steps_per_epoch}  validation" in capsys.readouterr().err
    assert scalars(tmp_path / "tensorboard")["skipped_steps"] == [(1, steps_per_epoch)]
    state = saved_state(tmp_path, steps_per_epoch)
    start = build.init_state(small_config)
    for saved, initial in zip(
        jax.tree.leaves(state["generator"]["params"]),
        jax.tree.leaves(start.generator.params),
        strict=True,
    ):
        np.testing.assert_array_equal(saved, initial)


@pytest.mark.slow(reason="trains another run")
def test_the_feature_loss_is_trained_and_vgg16_is_not_in_the_checkpoint(
    finished, small_config, tmp_path, steps_per_epoch, capsys
):
    small_config.loss.feature = 0.01
    small_config.loss.feature_weights = "random"
    small_config.num_epochs = 1
    train_lib.train_and_evaluate(small_config, tmp_path)
    assert "config.loss.feature_weights is 'random'" in capsys.readouterr().out
    ((_, feature),) = scalars(tmp_path / "tensorboard")["generator_loss/feature"]
    assert feature > 0
    without = saved_state(finished, 2 * steps_per_epoch)
    assert jax.tree.structure(saved_state(tmp_path, steps_per_epoch)) == jax.tree.structure(without)
