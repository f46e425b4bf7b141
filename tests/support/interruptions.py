"""Interrupts a training run by signals, again and again."""

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
from tests.support.commands import ROOT

# Seconds after which a moment or an end that is waited for counts as missed.
_PATIENCE = 120.0
# Seconds between two looks at the workdir.
_POLL_PERIOD = 0.001


class Death(NamedTuple):
    """How one start of the run ended.

    Attributes:
        moment: the key of `MOMENTS` that was waited for.
        ended_by: the signal.
        writing: whether a checkpoint was partly written when the signal was sent.
        status: the process's exit status, which is negative if the signal ended it.
        step: the step of the last checkpoint, from which the next start continues.
    """

    moment: str
    ended_by: str
    writing: bool
    status: int
    step: int


def command(workdir: Path, *settings: str) -> list[str]:
    """Returns the command that trains configs/openmoji.py in `workdir`."""
    config = ["--config", str(ROOT / "configs" / "openmoji.py")]
    return [sys.executable, "-m", "s2c_jax.main", *config, "--workdir", str(workdir), *settings]


class Watch:
    """Tells what has changed in a workdir since the watch was made."""

    def __init__(self, workdir: Path) -> None:
        self._workdir = workdir
        self._samples = self._versions("samples/*.png")
        self._leftovers = self._partial()

    def sample(self) -> bool:
        """Returns whether the samples of an epoch have been written."""
        return not self._versions("samples/*.png") <= self._samples

    def writing(self) -> bool:
        """Returns whether a checkpoint is partly written, not counting leftovers."""
        partial = self._partial()
        # Orbax deletes what is left; a later folder of the same name is a new checkpoint.
        self._leftovers &= partial
        return bool(partial - self._leftovers)

    def _partial(self) -> set[Path]:
        return set(self._workdir.glob("checkpoints/*tmp*"))

    def _versions(self, pattern: str) -> set[tuple[Path, int]]:
        """Returns the files that match a pattern, each with the time of its last change."""
        found = set()
        for path in self._workdir.glob(pattern):
            with contextlib.suppress(FileNotFoundError):
                found.add((path, path.stat().st_ctime_ns))
        return found


# Moments of a run: whether the moment has come, and the most seconds from then to the signal.
MOMENTS: dict[str, tuple[Callable[[Watch], bool], float]] = {
    "any": (lambda _: True, 20.0),
    "after an epoch": (Watch.sample, 0.5),
    "while a checkpoint is written": (Watch.writing, 0.5),
}


def interrupt(
    train: list[str], workdir: Path, deaths: Iterable[tuple[str, signal.Signals]], seed: int
) -> list[Death]:
    """Starts a run again and again, and sends each start a signal, until the run ends by itself.

    Args:
        train: the command.
        workdir: the run's folder.
        deaths: for each start, the moment (a key of `MOMENTS`) and the signal.
        seed: the seed of the delays between a moment and the signal.

    Returns:
        How each start ended.
    """
    rng = random.Random(seed)
    ended = []
    for moment, number in deaths:
        has_come, max_delay = MOMENTS[moment]
        watch = Watch(workdir)
        process = subprocess.Popen(train, cwd=ROOT, stderr=subprocess.DEVNULL)
        start = time.monotonic()
        while process.poll() is None and not has_come(watch):
            if time.monotonic() - start > _PATIENCE:
                process.kill()
                raise TimeoutError(f"{moment}: it has not come in {_PATIENCE:.0f} seconds")
            time.sleep(_POLL_PERIOD)
        time.sleep(rng.uniform(0, max_delay))
        writing = watch.writing()
        process.send_signal(number)
        try:
            status = process.wait(_PATIENCE)
        finally:
            process.kill()
        step = (checkpoint.all_steps(workdir) or [0])[-1]
        ended.append(Death(moment, number.name, writing, status, step))
        if status == 0:
            break
    return ended


def checksums(workdir: Path, step: int | None = None) -> dict[str, int]:
    """Returns the last checkpoint's step, and its checksums of arrays and data position.

    With a `step`, the checksums are those of that step's checkpoint.
    """
    last = checkpoint.all_steps(workdir)[-1]
    folder = workdir / "checkpoints" / str(last if step is None else step)
    found: dict[str, int] = json.loads((folder / "contents/metadata").read_text())["checksums"]
    return {"last step": last, **found}
