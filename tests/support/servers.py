"""Starts the web page's server in a process of its own."""

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tests.support.environment import xla_flags

# Seconds within which a server that is told to stop must end.
_STOP_TIMEOUT = 60


class Server(NamedTuple):
    """A running server: the page's address, without a slash at its end, and the process."""

    url: str
    process: subprocess.Popen[str]


def start(workdir: Path, *arguments: str) -> "subprocess.Popen[str]":
    """Starts `python -m s2c_jax.web`; standard output and standard error are one pipe."""
    environment = {**os.environ, "XLA_FLAGS": xla_flags(devices=1)}
    command = [sys.executable, "-u", "-m", "s2c_jax.web", "--workdir", str(workdir), *arguments]
    return subprocess.Popen(
        command, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )


@contextlib.contextmanager
def serving(workdir: Path) -> Iterator[Server]:
    """Serves a run at a free port, and at the end stops the server by SIGTERM."""
    process = start(workdir, "--port", str(free_port()))
    assert process.stdout is not None
    line = process.stdout.readline()
    found = re.match(r"(http://127\.0\.0\.1:\d+)/? colours by", line)
    assert found, line + process.stdout.read()
    # Read on: a full pipe would block the server.
    threading.Thread(target=process.stdout.read, daemon=True).start()
    try:
        yield Server(found[1], process)
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(_STOP_TIMEOUT) == 0


def free_port() -> int:
    """Returns a port of this computer at which nobody listens."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port
