"""Processes and devices: the batch's axis, meshes, shardings and agreement.

A run on several hosts has one process a host. Each process computes on its local devices; all
processes execute the same program.
"""

import contextlib
from collections.abc import Iterator

import jax
import numpy as np
from jax.experimental import multihost_utils
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from s2c_jax.errors import UserError, first_line

# The name of the mapped axis over which a batch is split, in `jax.pmap` and in meshes.
BATCH_AXIS = "batch"


def local_mesh() -> Mesh:
    """Returns the mesh of this process's devices, with the one axis `BATCH_AXIS`."""
    return Mesh(np.array(jax.local_devices()), (BATCH_AXIS,))


def global_mesh() -> Mesh:
    """Returns the mesh of all processes' devices, with the one axis `BATCH_AXIS`."""
    return Mesh(np.array(jax.devices()), (BATCH_AXIS,))


def replicated_sharding() -> NamedSharding:
    """Returns the sharding that replicates an array on each of this process's devices."""
    return NamedSharding(local_mesh(), PartitionSpec())


def batch_sharding() -> NamedSharding:
    """Returns the sharding that splits the leading axis over this process's devices."""
    return NamedSharding(local_mesh(), PartitionSpec(BATCH_AXIS))


def join(
    coordinator: str | None = None, num_processes: int | None = None, process_id: int | None = None
) -> None:
    """Joins the run's processes. Call it before anything asks JAX for its devices.

    Without arguments, `jax.distributed.initialize` finds the processes by the scheduler: SLURM,
    Open MPI, Kubernetes (JobSet) or Cloud TPU.

    Args:
        coordinator: "host:port" of process 0, the same for all processes.
        num_processes: the number of processes.
        process_id: this process's number, from 0.

    Raises:
        UserError: an argument is missing or out of range, or the processes do not find each other.
    """
    address = (coordinator, num_processes, process_id)
    if any(value is None for value in address) and address != (None, None, None):
        raise UserError("coordinator, num_processes and process_id: give all three or none")
    if num_processes is not None and not 0 <= (process_id or 0) < num_processes:
        raise UserError(f"process_id is {process_id}: it must be in [0, {num_processes})")
    try:
        jax.distributed.initialize(coordinator, num_processes, process_id)
    except (RuntimeError, ValueError) as error:
        raise UserError(
            f"the run's processes do not find each other ({first_line(error)}): check the "
            "coordinator's address, and that every process runs"
        ) from error


def is_primary() -> bool:
    """Returns whether this is process 0, which writes the files that a run has only once."""
    return jax.process_index() == 0


def all_agree(condition: bool) -> bool:
    """Returns whether the condition is true in all processes, all of which must call this."""
    if jax.process_count() == 1:
        return condition
    return bool(multihost_utils.process_allgather(np.array(condition)).all())


@contextlib.contextmanager
def failing_together(message: str) -> Iterator[None]:
    """Raises UserError in all processes if one of them raises it within; ends with a barrier.

    Without it, the other processes would wait forever for the one that failed.

    Args:
        message: the error's text in the processes that did not fail themselves.
    """
    problem = None
    try:
        yield
    except UserError as error:
        problem = error
    if not all_agree(problem is None):
        raise problem or UserError(message)
