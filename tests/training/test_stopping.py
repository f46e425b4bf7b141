"""The first signal is recorded, the second one ends the process."""

import os
import signal
import threading

import jax
import pytest
from jax.experimental import multihost_utils

from s2c_jax.training.stopping import stop_on_signals

SIGNALS = (signal.SIGTERM, signal.SIGINT)


@pytest.mark.parametrize("number", SIGNALS)
def test_the_first_signal_is_recorded_and_the_next_has_its_default_handler(number, capfd):
    handlers = [signal.getsignal(other) for other in SIGNALS]
    with stop_on_signals() as stop:
        assert stop.signal is None
        assert stop.after(1) is None
        os.kill(os.getpid(), number)
        assert stop.signal == number
        assert stop.after(2) == number
        assert [signal.getsignal(other) for other in SIGNALS] == [signal.SIG_DFL] * 2
    assert capfd.readouterr().err == f"{number.name}: a checkpoint, then the end\n"
    assert [signal.getsignal(other) for other in SIGNALS] == handlers


def test_a_signal_is_recorded_when_standard_error_is_gone(monkeypatch):
    def fail(*_):
        raise BrokenPipeError

    with stop_on_signals() as stop:
        monkeypatch.setattr(os, "write", fail)
        os.kill(os.getpid(), signal.SIGTERM)
        assert stop.signal == signal.SIGTERM


def test_no_signal_is_recorded_outside_the_main_thread():
    recorded = []

    def run():
        with stop_on_signals() as stop:
            recorded.append(stop.signal)

    handlers = [signal.getsignal(number) for number in SIGNALS]
    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert recorded == [None]
    assert [signal.getsignal(number) for number in SIGNALS] == handlers


def test_several_processes_stop_at_the_step_that_jax_agrees_on(monkeypatch):
    monkeypatch.setattr(jax, "process_count", lambda: 2)
    monkeypatch.setattr(multihost_utils, "reached_preemption_sync_point", lambda step: step == 3)
    handlers = [signal.getsignal(number) for number in SIGNALS]
    with stop_on_signals() as stop:
        assert [signal.getsignal(number) for number in SIGNALS] == handlers
        assert [stop.after(step) for step in (2, 3)] == [None, signal.SIGTERM]
