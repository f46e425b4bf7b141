"""A run's workdir, in which one command at a time trains."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import filelock
import ml_collections

from s2c_jax import checkpoint, distributed, files
from s2c_jax import config as config_lib
from s2c_jax.errors import UserError


@contextlib.contextmanager
def claim_workdir(config: ml_collections.ConfigDict, workdir: Path) -> Iterator[None]:
    """Creates the workdir with its config.json, and locks other runs out of it.

    The primary process holds a lock on the empty file `workdir`/lock. The operating system
    releases the lock when that process ends, however it ends; the file stays. On a file system
    without locks, filelock warns, and takes the file's existence for the lock.

    Raises:
        UserError: another process trains in the workdir, the workdir belongs to a run with other
            settings, or it cannot be written.
    """
    with contextlib.ExitStack() as stack:
        with distributed.failing_together("process 0 cannot train: see its message"):
            if distributed.is_primary():
                with files.writing(workdir):
                    workdir.mkdir(parents=True, exist_ok=True)
                    try:
                        stack.enter_context(filelock.FileLock(workdir / "lock", timeout=0))
                    except filelock.Timeout:
                        raise UserError(f"{workdir}: another process is training in it") from None
                    _write_config(config, workdir)
        yield


def _write_config(config: ml_collections.ConfigDict, workdir: Path) -> None:
    """Writes config.json and creates the run's folders, unless the workdir is of another run."""
    file = workdir / "config.json"
    has_checkpoints = bool(checkpoint.all_steps(workdir))
    if file.exists() or has_checkpoints:
        # A file that cannot be read stops the run, even before the first checkpoint.
        old = config_lib.load(file)
        if has_checkpoints:
            config_lib.require_same_run(old, config)
    for folder in ("checkpoints", "samples", "tensorboard"):
        (workdir / folder).mkdir(parents=True, exist_ok=True)
    config_lib.save(config, file)
