"""The processes of a run on several hosts: how they find each other, and who does what."""

import jax
import numpy as np
from jax.experimental import multihost_utils

from s2c_jax.errors import UserError


def join(
    coordinator: str | None = None,
    num_processes: int | None = None,
    process_id: int | None = None,
) -> None:
    """Joins the run's processes; to be called before anything asks JAX for its devices.

    Without arguments they are found as the scheduler tells: SLURM, Open MPI, Kubernetes (JobSet)
    and Cloud TPU (`jax.distributed.initialize`).

    Args:
        coordinator: "host:port" of process 0, the same for all processes.
        num_processes: how many there are.
        process_id: which of them this one is, from 0.

    Raises:
        UserError: they cannot be found, or do not all come.
    """
    given = (coordinator, num_processes, process_id)
    if any(value is None for value in given) and given != (None, None, None):
        raise UserError("--coordinator, --num_processes and --process_id: give all three or none")
    if num_processes is not None and not 0 <= (process_id or 0) < num_processes:
        raise UserError(f"--process_id is {process_id}: it must be in [0, {num_processes})")
    try:
        jax.distributed.initialize(coordinator, num_processes, process_id)
    except (RuntimeError, ValueError) as error:
        raise UserError(
            f"the run's processes do not find each other ({str(error).strip().splitlines()[0]})"
        ) from error


def is_first() -> bool:
    """Whether this process is the one that writes what there is one of."""
    return jax.process_index() == 0


def wait_for_all(place: str) -> None:
    """Returns when all processes are here.

    Args:
        place: a name for it, the same in all processes.
    """
    if jax.process_count() > 1:
        multihost_utils.sync_global_devices(place)


def all_agree(mine: bool) -> bool:
    """Returns whether it is true in all processes.

    Args:
        mine: whether it is in this one.
    """
    if jax.process_count() == 1:
        return mine
    return bool(multihost_utils.process_allgather(np.array(mine)).all())
