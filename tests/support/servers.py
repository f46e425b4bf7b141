"""Starts the web page's server for the tests that ask it."""

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


class Server(NamedTuple):
    url: str
    process: subprocess.Popen[str]


def start(workdir: Path, *arguments: str) -> "subprocess.Popen[str]":
    environment = {**os.environ, "XLA_FLAGS": ""}
    command = [sys.executable, "-u", "-m", "s2c_jax.web", "--workdir", str(workdir), *arguments]
    return subprocess.Popen(
        command, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )


@contextlib.contextmanager
def serving(workdir: Path) -> Iterator[Server]:
    """Starts a server at a port that is free, and ends it as a person would."""
    process = start(workdir, "--port", str(free_port()))
    assert process.stdout is not None
    line = process.stdout.readline()
    found = re.match(r"(http://127\.0\.0\.1:\d+)/? colours by", line)
    assert found, line + process.stdout.read()
    # Else it could not write on.
    threading.Thread(target=process.stdout.read, daemon=True).start()
    try:
        yield Server(found[1], process)
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port
