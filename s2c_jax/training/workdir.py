"""The folder that a run has for itself."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import ml_collections

from s2c_jax import checkpoint, distributed, files
from s2c_jax import config as config_lib
from s2c_jax.errors import UserError


@contextlib.contextmanager
def claim_workdir(config: ml_collections.ConfigDict, workdir: Path) -> Iterator[None]:
    """Makes the workdir and its config.json, and keeps other runs' processes out of it.

    Raises:
        UserError: another process is in it, or another run; or it cannot be written.
    """
    with contextlib.ExitStack() as stack:
        problem = None
        if distributed.is_primary():
            try:
                workdir.mkdir(parents=True, exist_ok=True)
                stack.enter_context(files.locked(workdir))
                _write_config(config, workdir)
            except UserError as error:
                problem = error
            except BlockingIOError:
                problem = UserError(f"--workdir {workdir}: another process is training in it")
            except OSError as error:
                problem = UserError(
                    f"--workdir {workdir} cannot be written ({error.strerror or error})"
                )
        # Or the others would wait for one that has gone.
        if not distributed.all_agree(problem is None):
            raise problem or UserError("the first process cannot train; it says why")
        yield


def _write_config(config: ml_collections.ConfigDict, workdir: Path) -> None:
    file = workdir / "config.json"
    if file.exists() or checkpoint.all_steps(workdir):
        old = config_lib.load(file)
        if checkpoint.all_steps(workdir):
            config_lib.require_same_run(old, config)
    for folder in ("checkpoints", "samples", "tensorboard"):
        (workdir / folder).mkdir(parents=True, exist_ok=True)
    config_lib.save(config, file)
