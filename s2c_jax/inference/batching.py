"""Computes any number of pictures in batches of one size, on all of a process's devices."""

from collections.abc import Callable

import jax
import numpy as np
from jax.sharding import PartitionSpec
from jaxtyping import Array, PyTree, Shaped

from s2c_jax.distributed import BATCH_AXIS, local_mesh

# Pictures per device and batch: the latency of one sketch (which is padded to a batch) against the
# throughput of many.
_DEVICE_BATCH = 8


def batch_size() -> int:
    """Returns how many pictures this process's devices compute at once."""
    return _DEVICE_BATCH * jax.local_device_count()


def batched(compute: Callable[..., Array]) -> Callable[..., np.ndarray]:
    """Returns a function of any number of pictures, which all of this process's devices share.

    Every batch has `batch_size()` rows; the last one is padded with zeros. So each picture size is
    compiled once, and a picture's result depends neither on the other pictures nor on the number
    of devices.

    Args:
        compute: a function of variables and of one or more arrays with the same number of rows.
            Each row of its result must depend on the same row of the arrays alone.

    Returns:
        A function of the variables, placed with `replicated_sharding`, and of arrays with any
        number of rows, to the rows of the result.
    """
    rows = PartitionSpec(BATCH_AXIS)
    sharded = jax.jit(
        jax.shard_map(
            lambda variables, arrays: compute(variables, *arrays),
            mesh=local_mesh(), in_specs=(PartitionSpec(), rows), out_specs=rows,
        )
    )  # fmt: skip

    def compute_all(variables: PyTree, *arrays: Shaped[np.ndarray, "rows ..."]) -> np.ndarray:
        results = []
        for start in range(0, len(arrays[0]), batch_size()):
            parts = [array[start : start + batch_size()] for array in arrays]
            padded = tuple(_pad_rows(part, batch_size()) for part in parts)
            results.append(np.asarray(sharded(variables, padded))[: len(parts[0])])
        return np.concatenate(results)

    return compute_all


def _pad_rows(array: Shaped[np.ndarray, "rows ..."], rows: int) -> Shaped[np.ndarray, "{rows} ..."]:
    """Appends zeros until the array has `rows` rows."""
    return np.pad(array, [(0, rows - len(array))] + [(0, 0)] * (array.ndim - 1))
