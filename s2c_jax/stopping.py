"""Being told to stop: SIGTERM from a scheduler, SIGINT from Ctrl-C."""

import contextlib
import signal
import sys
import threading
from collections.abc import Iterator
from signal import Signals


class Stop:
    """Whether to stop.

    Attributes:
        signal: the signal that said so, None before.
    """

    signal: Signals | None = None


@contextlib.contextmanager
def stop_on_signals() -> Iterator[Stop]:
    """Takes note of the first SIGTERM or SIGINT within; a second one ends the process at once.

    Outside of the main thread, where Python has no signals, nothing is ever noted.
    """
    stop = Stop()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}

    def note(number: int, _: object) -> None:
        stop.signal = Signals(number)
        print(f"{stop.signal.name}: a checkpoint, then the end; another ends it at once",
              file=sys.stderr)  # fmt: skip
        for other in before:
            signal.signal(other, signal.SIG_DFL)

    for number in before:
        signal.signal(number, note)
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
