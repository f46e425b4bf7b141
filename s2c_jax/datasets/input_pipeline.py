"""The input pipeline: from prepared TFDS data to uint8 batches on the devices."""

from collections.abc import Sequence
from pathlib import Path

import grain
import grain.experimental
import jax
import numpy as np
from jaxtyping import UInt8

from s2c_jax.datasets import decoded
from s2c_jax.datasets.builders import find_builder
from s2c_jax.datasets.pairs import FEATURES, PairSource, decode, open_records
from s2c_jax.distributed import batch_sharding
from s2c_jax.errors import UserError, naming

# A batch of pairs: `FEATURES` by name, in [0, 255].
Pairs = dict[str, UInt8[np.ndarray, "batch rows columns 3"]]

# Batches that are decoded ahead, in the host's memory.
_HOST_BATCHES = 4
# Batches that are transferred ahead, in the devices' memory.
_DEVICE_BATCHES = 2


def open_split(name: str, image_size: int, split: str, data_dir: str = "") -> PairSource:
    """Opens a split of a prepared data set.

    Args:
        name: the config's `dataset.name`: a TFDS builder whose configs are named after their size.
        image_size: the config's `image_size`, in pixels.
        split: "train" or "validation".
        data_dir: the config's `dataset.data_dir`: TFDS's data directory; "" is TFDS's default.

    Returns:
        The split's pairs; their pictures are decoded if `prepare` kept them decoded.

    Raises:
        UserError: there is no such data set, it has no such size, or it has not been prepared.
    """
    with naming("config.dataset.name, config.image_size"):
        builder = find_builder(name, image_size, data_dir)
    if not builder.is_prepared():
        where = f" --data_dir {data_dir}" if data_dir else ""
        raise UserError(
            f"the data set {name}/{image_size} is not prepared in {builder.data_dir}: "
            f"run python -m s2c_jax.datasets {name}/{image_size}{where}"
        )
    path = decoded.path_of(Path(builder.data_dir), split)
    if path.exists():
        return decoded.DecodedSource(path, builder.info.splits[split].num_examples, image_size)
    return open_records(builder, split)


def steps_per_epoch(source: PairSource, batch_size: int) -> int:
    """Returns the number of whole batches in an epoch; the remaining pairs are left out.

    Raises:
        UserError: the source has fewer pairs than one batch.
    """
    if len(source) < batch_size:
        raise UserError(
            f"config.batch_size is {batch_size}: the training split has {len(source)} pairs only"
        )
    return len(source) // batch_size


def train_batches(
    source: PairSource, *, batch_size: int, seed: int, num_threads: int
) -> grain.DatasetIterator:
    """Returns an endless iterator of training batches, on this process's devices.

    Each epoch shuffles the pairs anew, by the seed, and leaves out those that fill no whole batch.
    Each process reads its own share of every batch. Grain's `get_state` and `set_state` save and
    restore the position, which counts the batches that the caller has got, not those read ahead.

    Args:
        source: from `open_split`.
        batch_size: pairs in a batch, over all processes; a multiple of the number of devices.
        seed: the seed of the order.
        num_threads: the number of threads that read and decode.

    Returns:
        An iterator over dictionaries of uint8 arrays, in [0, 255], sharded along the first axis:
        "sketch" and "color" (local devices, pairs per device, height, width, 3), and "palette"
        (local devices, pairs per device, 4, 4, 3).
    """
    num_devices = len(jax.local_devices())
    whole_batches = steps_per_epoch(source, batch_size) * batch_size
    batches = (
        grain.MapDataset.source(source)
        .seed(seed)
        .shuffle()[:whole_batches]
        .map(decode)
        # Cut the shuffled pairs into shares. Share k of each global batch goes to process k, so the
        # global batch is the same for any number of processes.
        .batch(batch_size // jax.process_count(), drop_remainder=True)[
            jax.process_index() :: jax.process_count()
        ]
        .map(lambda batch: {k: v.reshape(num_devices, -1, *v.shape[1:]) for k, v in batch.items()})
        .repeat()
        .to_iter_dataset(grain.ReadOptions(num_threads, prefetch_buffer_size=_HOST_BATCHES))
    )
    return iter(
        grain.experimental.device_put(
            batches, batch_sharding(), cpu_buffer_size=1, device_buffer_size=_DEVICE_BATCHES
        )
    )


def read_pairs(source: PairSource, indices: Sequence[int]) -> Pairs:
    """Reads the pairs at `indices` as one batch; leaves out indices past the end."""
    pairs = [decode(source[i]) for i in indices if i < len(source)]
    return {name: np.stack([pair[name] for pair in pairs]) for name in FEATURES}
