"""Runs the package's commands: in a process of its own as a user does, or in this process."""

import contextlib
import os
import pathlib
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence

import pytest
from absl.testing import flagsaver

from s2c_jax import flags
from tests.support.environment import xla_flags

ROOT = pathlib.Path(__file__).parents[2]
CONFIG = ROOT / "configs" / "openmoji.py"
# Overrides that make a run of CONFIG end after seconds.
SMALL = [
    "--config.batch_size=8",
    "--config.num_epochs=1",
    "--config.generator.channels=(4, 8, 8)",
    "--config.discriminator.channels=(4, 8)",
]
# Seconds after which a command is taken to hang.
_TIMEOUT = 300


def run(module: str, *arguments, cwd: pathlib.Path = ROOT) -> subprocess.CompletedProcess[str]:
    """Runs `python -m s2c_jax.MODULE` in a process with little else in its environment.

    Args:
        module: such as "main".
        *arguments: the command line, of strings and paths.
        cwd: the folder in which the process starts.
    """
    environment = {
        "PATH": "",
        "HOME": "/nonexistent",
        "PYTHONPATH": str(ROOT),
        "JAX_PLATFORMS": "cpu",
        "XLA_FLAGS": xla_flags(devices=1),
        # Without the tests' cache, each process would compile its programs anew.
        "JAX_COMPILATION_CACHE_DIR": os.environ["JAX_COMPILATION_CACHE_DIR"],
    }
    return subprocess.run(
        [sys.executable, "-m", f"s2c_jax.{module}", *map(str, arguments)],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        timeout=_TIMEOUT,
    )


def failure_of(command: Callable[..., object], *arguments) -> str:
    """Calls a command that must fail, and returns its one line for the user."""
    with pytest.raises(SystemExit) as raised:
        command(*arguments)
    message = str(raised.value.code)
    assert message.startswith("s2c_jax: ")
    assert "\n" not in message
    return message


@contextlib.contextmanager
def parsed_flags(monkeypatch: pytest.MonkeyPatch, *arguments) -> Iterator[Sequence[str]]:
    """Parses absl flags in this process, as `main` does, and resets the flags at its end.

    Args:
        monkeypatch: undoes changes of `sys` when the test ends.
        *arguments: the command line, of strings and paths.

    Yields:
        What `flags.parse` returns.
    """
    argv = ["main", *map(str, arguments)]
    # config_flags looks for overrides in `sys.argv`; parsing appends to `sys.path`.
    monkeypatch.setattr(sys, "argv", argv)
    monkeypatch.setattr(sys, "path", [*sys.path])
    with flagsaver.flagsaver():
        yield flags.parse(argv)
