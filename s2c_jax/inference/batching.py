"""Any number of pictures, computed in batches of one size on all of a process's devices."""

from collections.abc import Callable

import jax
import numpy as np
from jax.sharding import PartitionSpec
from jaxtyping import Array, PyTree, Shaped

from s2c_jax.distributed import BATCH_AXIS, local_mesh

# Of one device. A lone sketch pays for the padding, a folder for what a larger batch would save.
_DEVICE_BATCH = 8


def batch_size() -> int:
    """Returns how many pictures this process's devices compute at once."""
    return _DEVICE_BATCH * jax.local_device_count()


def batched(compute: Callable[..., Array]) -> Callable[..., np.ndarray]:
    """Returns a function of any number of pictures, spread over this process's devices.

    A device always computes equally many pictures, black ones where there are no more: so a size
    is compiled once, and a picture's result depends neither on the others nor on the devices.

    Args:
        compute: a function of variables and one or more batches that belong together.
            A row of what it returns depends on that row of the pictures alone.

    Returns:
        A function of the variables, which lie `everywhere`, and the pictures, to the rows.
    """
    rows = PartitionSpec(BATCH_AXIS)
    spread = jax.jit(
        jax.shard_map(
            lambda variables, pictures: compute(variables, *pictures),
            mesh=local_mesh(),
            in_specs=(PartitionSpec(), rows),
            out_specs=rows,
        )
    )

    def computed(variables: PyTree, *pictures: Shaped[np.ndarray, "batch ..."]) -> np.ndarray:
        results = []
        for start in range(0, len(pictures[0]), batch_size()):
            parts = tuple(kind[start : start + batch_size()] for kind in pictures)
            count = len(parts[0])
            padded = tuple(
                np.pad(part, [(0, batch_size() - count)] + [(0, 0)] * (part.ndim - 1))
                for part in parts
            )
            results.append(np.asarray(spread(variables, padded))[:count])
        return np.concatenate(results)

    return computed
