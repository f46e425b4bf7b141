"""Computes any number of pictures in batches of one size, on all of a process's devices."""

import functools
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
        compute: a function of variables and of arrays with the same number of rows; an array after
            the first may be None, or have a name. Each row of its result must depend on the same
            row of the arrays alone.

    Returns:
        A function of the variables, placed with `replicated_sharding`, and of arrays with any
        number of rows, to the rows of the result.
    """
    rows = PartitionSpec(BATCH_AXIS)
    sharded = jax.jit(
        jax.shard_map(
            lambda variables, arrays, named: compute(variables, *arrays, **named),
            mesh=local_mesh(), in_specs=(PartitionSpec(), rows, rows), out_specs=rows,
        )
    )  # fmt: skip

    def compute_all(
        variables: PyTree,
        first: Shaped[np.ndarray, "rows ..."],
        *others: Shaped[np.ndarray, "rows ..."] | None,
        **named: Shaped[np.ndarray, "rows ..."] | None,
    ) -> np.ndarray:
        results = []
        for start in range(0, len(first), batch_size()):
            padded = functools.partial(_padded_batch, start)
            arrays, named_arrays = jax.tree.map(padded, ((first, *others), named))
            result = sharded(variables, arrays, named_arrays)
            results.append(np.asarray(result)[: len(first) - start])
        return np.concatenate(results)

    return compute_all


def _padded_batch(
    start: int, array: Shaped[np.ndarray, "rows ..."]
) -> Shaped[np.ndarray, "batch ..."]:
    """Returns a batch of the array's rows, from `start` on, with zeros after the last row."""
    rows = array[start : start + batch_size()]
    return np.pad(rows, [(0, batch_size() - len(rows))] + [(0, 0)] * (rows.ndim - 1))
