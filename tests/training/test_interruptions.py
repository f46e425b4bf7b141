"""A run that is ended by signals, again and again, is one run."""

import os
import pathlib
import signal
import subprocess
import threading

import pytest

from s2c_jax.training.stopping import stop_on_signals
from tests.support.commands import SMALL
from tests.support.interruptions import checksums, command, interrupt

ROOT = pathlib.Path(__file__).parent.parent


# Six starts of the command, which takes ten seconds to begin on two cores.
def test_a_run_that_dies_in_every_way_ends_with_the_same_parameters(
    tmp_path, data_dir, monkeypatch
):
    monkeypatch.setenv("XLA_FLAGS", "")
    settings = (*SMALL, f"--config.dataset.data_dir={data_dir}", "--config.num_epochs=30")
    alone, interrupted = tmp_path / "alone", tmp_path / "interrupted"
    subprocess.run(command(alone, *settings), cwd=ROOT, check=True, timeout=300)
    train = command(interrupted, *settings)
    deaths = interrupt(
        train,
        interrupted,
        [
            ("after an epoch", signal.SIGTERM),
            ("while a checkpoint is written", signal.SIGKILL),
            ("after an epoch", signal.SIGINT),
        ],
        seed=0,
    )
    assert [death.status for death in deaths] == [128 + 15, -9, 128 + 2]
    assert 0 < deaths[0].step <= deaths[1].step < deaths[2].step
    subprocess.run(train, cwd=ROOT, check=True, timeout=300)
    assert checksums(interrupted) == checksums(alone)
    assert not list((interrupted / "damaged").glob("*"))

    # From the same checkpoint on eight devices.
    monkeypatch.setenv("XLA_FLAGS", "--xla_force_host_platform_device_count=8")
    more = command(interrupted, *settings[:-1], "--config.num_epochs=31")
    subprocess.run(more, cwd=ROOT, check=True, timeout=300)
    assert checksums(interrupted)["last step"] == checksums(alone)["last step"] // 30 * 31


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_first_signal_is_noted_and_the_next_has_its_default_meaning(number, capfd):
    handlers = [signal.getsignal(other) for other in (signal.SIGTERM, signal.SIGINT)]
    with stop_on_signals() as stop:
        assert stop.signal is None
        os.kill(os.getpid(), number)
        assert stop.signal == number
        assert signal.getsignal(signal.SIGTERM) == signal.getsignal(signal.SIGINT)
        assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
    assert capfd.readouterr().err == f"{number.name}: a checkpoint, then the end\n"
    assert [signal.getsignal(other) for other in (signal.SIGTERM, signal.SIGINT)] == handlers


def test_in_another_thread_there_are_no_signals():
    noted = []

    def run():
        with stop_on_signals() as stop:
            noted.append(stop.signal)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert noted == [None]
