"""From prepared TFDS data to batches on the devices."""

from collections.abc import Sequence
from pathlib import Path

import grain
import grain.experimental
import jax
import numpy as np
import tensorflow_datasets as tfds
from jaxtyping import UInt8

import s2c_jax.datasets
from s2c_jax.datasets import decoded
from s2c_jax.datasets.pairs import FEATURES, PairSource, decode, open_records
from s2c_jax.distributed import batch_sharding
from s2c_jax.errors import UserError

Pairs = dict[str, UInt8[np.ndarray, "batch rows columns 3"]]


# Batches decoded ahead of the device, and batches already on it.
_HOST_BATCHES, _DEVICE_BATCHES = 4, 2


def open_split(name: str, image_size: int, split: str, data_dir: str = "") -> PairSource:
    """Opens a split of a prepared data set.

    Args:
        name: a TFDS builder whose configs are named after their size in pixels.
        image_size: the size wanted.
        split: "train" or "validation".
        data_dir: where TFDS keeps prepared data; "" is TFDS's default.

    Returns:
        A random-access source of examples with "sketch" and "color", PNG bytes, or pictures where
        the data was prepared with `--decoded`, and "palette".

    Raises:
        UserError: there is no such data set, it has no such size, or it has not been prepared.
    """
    try:
        configs = [config for config in tfds.builder_cls(name).builder_configs if config.isdigit()]
    except (tfds.core.DatasetNotFoundError, ValueError):
        configs = []
    if not configs:
        raise UserError(
            f"config.dataset.name is {name!r}: no such data set of pairs; there are "
            + ", ".join(s2c_jax.datasets.NAMES)
        )
    if str(image_size) not in configs:
        raise UserError(
            f"config.image_size is {image_size}: {name} has {', '.join(configs)} pixels only"
        )
    builder = tfds.builder(f"{name}/{image_size}", data_dir=data_dir or None)
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
    """How many whole batches a pass over the source gives; the rest sits out until the next epoch.

    Raises:
        UserError: not even one.
    """
    if len(source) < batch_size:
        raise UserError(
            f"config.batch_size is {batch_size}: the training split has {len(source)} pairs only"
        )
    return len(source) // batch_size


def train_batches(
    source: PairSource, *, batch_size: int, seed: int, num_threads: int
) -> grain.DatasetIterator:
    """Returns an endless iterator of training batches, uint8, on this process's devices.

    The order is drawn anew each epoch from the seed. Each process reads its own share. The iterator
    has Grain's `get_state` and `set_state`, and its state is that of the batches handed out,
    whatever has been read ahead.

    Args:
        source: from `open_split`.
        batch_size: pairs a batch over all processes; the devices divide it.
        seed: where the order comes from.
        num_threads: threads that read and decode.

    Returns:
        An iterator over dictionaries of "sketch" and "color", each
        (local devices, pairs a device, height, width, 3), and "palette",
        (local devices, pairs a device, 4, 4, 3), one device's share on each device.
    """
    num_devices = len(jax.local_devices())
    whole_batches = steps_per_epoch(source, batch_size) * batch_size

    def split_over_devices(pairs: Pairs) -> dict[str, np.ndarray]:
        return {
            key: value.reshape(num_devices, -1, *value.shape[1:]) for key, value in pairs.items()
        }

    batches = (
        grain.MapDataset.source(source)
        .seed(seed)
        .shuffle()[:whole_batches]
        .map(decode)
        # A process's share of a batch stands together in it, as its devices do among all.
        .batch(batch_size // jax.process_count(), drop_remainder=True)[
            jax.process_index() :: jax.process_count()
        ]
        .map(split_over_devices)
        .repeat()
        .to_iter_dataset(
            grain.ReadOptions(num_threads=num_threads, prefetch_buffer_size=_HOST_BATCHES)
        )
    )
    return iter(
        grain.experimental.device_put(
            batches, batch_sharding(), cpu_buffer_size=1, device_buffer_size=_DEVICE_BATCHES
        )
    )


def read_pairs(source: PairSource, indices: Sequence[int]) -> Pairs:
    """Reads the pairs at `indices` of a source; indices past its end are left out."""
    pairs = [decode(source[i]) for i in indices if i < len(source)]
    return {key: np.stack([pair[key] for pair in pairs]) for key in FEATURES}
