"""Being told to stop: SIGTERM from a scheduler, SIGINT from Ctrl-C."""

import contextlib
import os
import signal
import threading
from collections.abc import Iterator
from signal import Signals

import jax
from jax.experimental import multihost_utils


class Stop:
    """Whether to stop.

    Attributes:
        signal: the signal that said so to this process, None before.
    """

    signal: Signals | None = None

    def after(self, step: int) -> Signals | None:
        """Returns the signal to stop for after a step; all processes of a run get the same answer.

        Args:
            step: how many steps are done, rising from call to call.
        """
        if jax.process_count() == 1:
            return self.signal
        return Signals.SIGTERM if multihost_utils.reached_preemption_sync_point(step) else None


@contextlib.contextmanager
def stop_on_signals() -> Iterator[Stop]:
    """Takes note of the first SIGTERM or SIGINT within; a second one ends the process at once.

    Of a run of several processes JAX takes note of SIGTERM, to any of them, and SIGINT is left as
    it is. Outside of the main thread, where Python has no signals, nothing is ever noted.
    """
    stop = Stop()
    if jax.process_count() > 1 or threading.current_thread() is not threading.main_thread():
        yield stop
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}

    def note(number: int, _: object) -> None:
        stop.signal = Signals(number)
        for other in before:
            signal.signal(other, signal.SIG_DFL)
        # Whoever reads this may have got the signal as well, and be gone.
        with contextlib.suppress(OSError):
            os.write(2, f"{stop.signal.name}: a checkpoint, then the end\n".encode())

    for number in before:
        signal.signal(number, note)
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
