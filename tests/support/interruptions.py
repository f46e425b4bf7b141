"""Ends a training run by signals, again and again."""

import contextlib
import json
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

from s2c_jax import checkpoint

ROOT = Path(__file__).parents[2]


# Seconds after which something that should happen has not.
_PATIENCE = 120.0


class Death(NamedTuple):
    """How a start of the run ended.

    Attributes:
        moment: what was waited for.
        ended_by: the signal.
        writing: whether a checkpoint was half written then.
        status: the process's exit status, negative for a signal's.
        step: the last checkpoint's, from which the next start goes on.
    """

    moment: str
    ended_by: str
    writing: bool
    status: int
    step: int


def command(workdir: Path, *settings: str) -> list[str]:
    """Returns the command that trains in `workdir`."""
    config = ["--config", str(ROOT / "configs" / "openmoji.py")]
    return [sys.executable, "-m", "s2c_jax.main", *config, "--workdir", str(workdir), *settings]


class Watch:
    """What has changed in a workdir since now."""

    def __init__(self, workdir: Path) -> None:
        self._workdir = workdir
        self._pictures, self._partial = self._seen("samples/*.png"), self._seen("checkpoints/*tmp*")

    def _seen(self, pattern: str) -> set[tuple[Path, int]]:
        found = set()
        for path in self._workdir.glob(pattern):
            with contextlib.suppress(FileNotFoundError):
                found.add((path, path.stat().st_ctime_ns))
        return found

    def picture(self) -> bool:
        """Whether an epoch's picture has been written."""
        return not self._seen("samples/*.png") <= self._pictures

    def writing(self) -> bool:
        """Whether a checkpoint has been begun, and not ended."""
        return not self._seen("checkpoints/*tmp*") <= self._partial


# Whether a moment has come, and for at most how many seconds it is taken to last.
MOMENTS: dict[str, tuple[Callable[[Watch], bool], float]] = {
    "any": (lambda _: True, 20.0),
    "after an epoch": (Watch.picture, 0.5),
    "while a checkpoint is written": (Watch.writing, 0.5),
}


def interrupt(
    train: list[str], workdir: Path, deaths: Iterable[tuple[str, signal.Signals]], seed: int
) -> list[Death]:
    """Starts a run again and again and ends it, until there are no deaths left or it is done.

    Args:
        train: the command.
        workdir: its --workdir.
        deaths: the moments, of `MOMENTS`, and the signals.
        seed: of the seconds between a moment and the signal.

    Returns:
        What became of each start.
    """
    rng = random.Random(seed)
    found = []
    for moment, number in deaths:
        has_come, seconds = MOMENTS[moment]
        watch = Watch(workdir)
        process = subprocess.Popen(train, cwd=ROOT, stderr=subprocess.DEVNULL)
        begun = time.monotonic()
        while process.poll() is None and not has_come(watch):
            if time.monotonic() - begun > _PATIENCE:
                process.kill()
                raise TimeoutError(f"{moment}: it has not come in {_PATIENCE:.0f} seconds")
            time.sleep(0.001)
        time.sleep(rng.uniform(0, seconds))
        writing = watch.writing()
        process.send_signal(number)
        try:
            status = process.wait(_PATIENCE)
        finally:
            process.kill()
        step = (checkpoint.all_steps(workdir) or [0])[-1]
        found.append(Death(moment, number.name, writing, status, step))
        if status == 0:
            break
    return found


def checksums(workdir: Path) -> dict[str, int]:
    """Returns the checksums of the last checkpoint: of each array, and of the data's position."""
    step = checkpoint.all_steps(workdir)[-1]
    contents = workdir / "checkpoints" / str(step) / "contents" / "metadata"
    found: dict[str, int] = json.loads(contents.read_text())["checksums"]
    return {"last step": step, **found}
