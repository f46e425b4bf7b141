"""A run that is interrupted by signals, again and again, ends like a run that is not."""

import signal
import subprocess

import pytest

from tests.support.commands import ROOT, SMALL
from tests.support.environment import xla_flags
from tests.support.interruptions import checksums, command, interrupt


@pytest.mark.slow(reason="starts the command five times; a start takes ten seconds")
def test_an_interrupted_run_ends_with_the_same_parameters(tmp_path, data_dir, monkeypatch):
    monkeypatch.setenv("XLA_FLAGS", xla_flags(devices=1))
    settings = (*SMALL, f"--config.dataset.data_dir={data_dir}", "--config.num_epochs=12")
    alone, interrupted = tmp_path / "alone", tmp_path / "interrupted"
    subprocess.run(command(alone, *settings), cwd=ROOT, check=True, timeout=300)
    train = command(interrupted, *settings)
    deaths = interrupt(
        train,
        interrupted,
        [
            ("after an epoch", signal.SIGTERM),
            ("while a checkpoint is written", signal.SIGKILL),
        ],
        seed=0,
    )
    assert [death.status for death in deaths] == [128 + 15, -9]
    assert 0 < deaths[0].step <= deaths[1].step
    subprocess.run(train, cwd=ROOT, check=True, timeout=300)
    assert checksums(interrupted) == checksums(alone)
    assert not list((interrupted / "damaged").glob("*"))

    # A checkpoint of one device continues on eight.
    monkeypatch.setenv("XLA_FLAGS", xla_flags(devices=8))
    more = command(interrupted, *settings[:-1], "--config.num_epochs=13")
    subprocess.run(more, cwd=ROOT, check=True, timeout=300)
    assert checksums(interrupted)["last step"] == checksums(alone)["last step"] // 12 * 13
