"""TensorBoard gets the means of epochs, a terminal a bar, other outputs lines."""

import re

import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from s2c_jax import distributed
from s2c_jax.errors import UserError
from s2c_jax.training import report as report_lib
from s2c_jax.training.report import Report
from tests.support.tensorboard import scalars

STEPS_PER_EPOCH = 4


@pytest.fixture
def workdir(tmp_path):
    for name in ("samples", "tensorboard"):
        (tmp_path / name).mkdir()
    return tmp_path


def make_report(workdir, first_step=0, last_step=8, skip_not_finite=False):
    return Report(
        workdir, first_step, last_step, STEPS_PER_EPOCH, 8, skip_not_finite=skip_not_finite
    )


def losses_of(step, skipped=0):
    """Returns the losses of a step, which increase from step to step."""
    return {
        "discriminator_loss": jnp.float32(step),
        "generator_loss": jnp.float32(10 * step),
        "skipped_updates": jnp.int32(skipped),
    }


def train(report, steps, skipped=()):
    for step in steps:
        with report.waiting():
            pass
        report.log_step(step, losses_of(step, step in skipped))


def test_log_epoch_writes_the_means_of_its_own_steps(workdir):
    with make_report(workdir) as report:
        train(report, range(1, 5))
        report.log_epoch(1, {"mae": 0.25, "psnr": 20.0})
        train(report, range(5, 9))
        report.log_epoch(2, {})
    found = scalars(workdir / "tensorboard")
    assert found["discriminator_loss"] == [(1, 2.5), (2, 6.5)]
    assert found["generator_loss"] == [(1, 25.0), (2, 65.0)]
    assert found["validation/mae"] == [(1, 0.25)]
    assert found["validation/psnr"] == [(1, 20.0)]
    assert [epoch for epoch, _ in found["speed/images_per_second"]] == [1, 2]
    assert all(0 <= share <= 1 for _, share in found["speed/data_wait_share"])
    assert "skipped_updates" not in found
    assert "skipped_steps" not in found


def test_log_epoch_prints_losses_metrics_speed_and_time_left(workdir, capsys):
    with make_report(workdir) as report:
        train(report, range(1, 5))
        report.log_epoch(1, {"mae": 0.25, "psnr": 20.0, "ciede2000": 9.5})
    (line,) = capsys.readouterr().err.splitlines()
    assert re.fullmatch(
        r"epoch 1 of 2  D 2\.500  G 25\.000  validation/mae 0\.2500  validation/ciede2000 9\.5000"
        r"  waited for data \d+\.\d%  \d+\.\d images/s  00:\d\d left",
        line,
    )


def test_a_report_that_ends_within_an_epoch_prints_its_step(workdir, capsys):
    with make_report(workdir) as report:
        train(report, range(1, 4))
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("epoch 1 (step 3) of 2  D 2.000  G 20.000")


def test_log_step_prints_a_line_when_the_last_one_is_old(workdir, capsys, monkeypatch):
    monkeypatch.setattr(report_lib, "_LINE_PERIOD", 0.0)
    with make_report(workdir) as report:
        train(report, range(1, 5))
        report.log_epoch(1, {})
    lines = capsys.readouterr().err.splitlines()
    assert [line.split(" of ")[0] for line in lines] == [
        *(f"epoch 1 (step {step})" for step in range(1, 5)),
        "epoch 1",
    ]


def test_log_step_does_not_wait_for_the_last_steps(workdir, monkeypatch):
    """Fetching a loss waits for the device; `drain` fetches all."""
    fetched = []

    def fetch(losses):
        fetched.append(int(losses["discriminator_loss"]))
        return losses

    monkeypatch.setattr(report_lib.jax, "device_get", fetch)
    with make_report(workdir) as report:
        train(report, range(1, 5))
        assert fetched == [1, 2]
        report.drain()
        assert fetched == [1, 2, 3, 4]


def test_a_skipped_update_raises_with_step_and_losses(workdir):
    with (
        pytest.raises(
            UserError, match=r"step 2: the gradient is not finite \(D 2, G 20\)"
        ) as raised,
        make_report(workdir) as report,
    ):
        train(report, range(1, 5), skipped=[2])
    assert "config.optimizer.skip_not_finite" in str(raised.value)
    assert "\n" not in str(raised.value)


def test_skip_not_finite_counts_skipped_steps_and_leaves_them_out_of_the_means(workdir, capsys):
    with make_report(workdir, skip_not_finite=True) as report:
        train(report, range(1, 5), skipped=[1, 4])
        report.log_epoch(1, {})
    found = scalars(workdir / "tensorboard")
    assert found["skipped_steps"] == [(1, 2.0)]
    assert found["discriminator_loss"] == [(1, 2.5)]
    assert "D 2.500  G 25.000  skipped 2" in capsys.readouterr().err


def test_an_epoch_whose_steps_are_all_skipped_has_no_means(workdir):
    with make_report(workdir, skip_not_finite=True) as report:
        train(report, range(1, 5), skipped=range(1, 5))
        report.log_epoch(1, {})
    found = scalars(workdir / "tensorboard")
    assert found["skipped_steps"] == [(1, 4.0)]
    assert "discriminator_loss" not in found


def test_log_images_writes_a_sheet(workdir):
    pictures = np.full((2, 16, 16, 3), 200, np.uint8)
    with make_report(workdir) as report:
        report.log_images(1, {"sketch": pictures, "coloured": pictures})
    with Image.open(workdir / "samples" / "epoch_0001.png") as sheet:
        assert sheet.width >= 2 * 16
        assert sheet.height >= 2 * 16


def test_log_images_names_a_sheet_that_cannot_be_written(workdir):
    path = workdir / "samples" / "epoch_0001.png"
    path.mkdir()
    pictures = np.zeros((1, 16, 16, 3), np.uint8)
    with (
        pytest.raises(UserError, match=r"epoch_0001.png: cannot be written \(Is a directory\)"),
        make_report(workdir) as report,
    ):
        report.log_images(1, {"sketch": pictures})


def test_only_the_primary_process_prints_and_writes(workdir, monkeypatch, capsys):
    monkeypatch.setattr(distributed, "is_primary", lambda: False)
    with make_report(workdir) as report:
        train(report, range(1, 5))
        report.log_epoch(1, {})
        report.log_images(1, {"sketch": np.zeros((1, 16, 16, 3), np.uint8)})
    assert not capsys.readouterr().err
    assert not list((workdir / "samples").iterdir())
    assert not list((workdir / "tensorboard").iterdir())
