"""Stops a run on a signal: SIGTERM from a scheduler, SIGINT from Ctrl-C."""

import contextlib
import os
import signal
import threading
from collections.abc import Iterator
from signal import Signals

import jax
from jax.experimental import multihost_utils


class Stop:
    """Holds the signal that this process received, or None."""

    signal: Signals | None = None

    def after(self, step: int) -> Signals | None:
        """Returns the signal that ends training after a step, or None, the same in all processes.

        Args:
            step: the number of steps done, which increases from call to call.
        """
        if jax.process_count() == 1:
            return self.signal
        return Signals.SIGTERM if multihost_utils.reached_preemption_sync_point(step) else None


@contextlib.contextmanager
def stop_on_signals() -> Iterator[Stop]:
    """Records the first SIGTERM or SIGINT within the context; a second one ends the process.

    With several processes, JAX handles a SIGTERM to any of them, and SIGINT keeps its handler, so
    Ctrl-C ends the process without a checkpoint.
    Outside the main thread Python cannot handle signals, and none is recorded.
    """
    stop = Stop()
    if jax.process_count() > 1 or threading.current_thread() is not threading.main_thread():
        yield stop
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}

    def record(number: int, _: object) -> None:
        stop.signal = Signals(number)
        for other in before:
            signal.signal(other, signal.SIG_DFL)
        # Write to standard error's descriptor, 2: the handler may interrupt a print. The terminal
        # may be gone.
        with contextlib.suppress(OSError):
            os.write(2, f"{stop.signal.name}: a checkpoint, then the end\n".encode())

    for number in before:
        signal.signal(number, record)
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
