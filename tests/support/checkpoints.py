"""Damages checkpoints, and restores them as training does."""

import contextlib
import json
from pathlib import Path

import jax
import numpy as np

from s2c_jax import checkpoint
from s2c_jax.datasets import input_pipeline

# A leaf of the generator that colours in every run of `make_small_config`.
LEAF = "ema/params/output/kernel"


def remove(path: Path) -> None:
    """Removes a file."""
    path.unlink()


def truncate(path: Path) -> None:
    """Removes the second half of a file."""
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def flip_bits(path: Path) -> None:
    """Flips two bits of a file."""
    data = bytearray(path.read_bytes())
    for index in (len(data) // 3, len(data) // 2):
        data[index] ^= 0x10
    path.write_bytes(data)


def folder_of(workdir: Path, step: int) -> Path:
    """Returns the folder of a checkpoint."""
    return workdir / "checkpoints" / str(step)


def lose_state(workdir: Path, step: int) -> None:
    """Makes a checkpoint's state unreadable."""
    remove(folder_of(workdir, step) / "state" / "manifest.ocdbt")


def change_checksum(workdir: Path, step: int, name: str = LEAF) -> None:
    """Changes a checksum in a checkpoint's manifest, as if the part had been damaged."""
    path = folder_of(workdir, step) / "contents" / "metadata"
    manifest = json.loads(path.read_text())
    manifest["checksums"][name] += 1
    path.write_text(json.dumps(manifest))


def make_old(workdir: Path, step: int) -> None:
    """Gives a checkpoint the items of a version that wrote no manifest."""
    contents = folder_of(workdir, step) / "contents"
    contents.rename(contents.with_name("num_pairs"))


def open_batches(source):
    """Returns a context with an iterator of training batches, at its start."""
    return contextlib.closing(
        input_pipeline.train_batches(source, batch_size=8, seed=0, num_threads=1)
    )


def restore(workdir: Path, state, source):
    """Returns what training would continue from: the state and the position in the data."""
    with (
        open_batches(source) as batches,
        checkpoint.open_manager(workdir, 3) as manager,
        # asyncio asks for the signal handler, and Python 3.11 formats the handler's arrays then.
        np.printoptions(threshold=1, edgeitems=1),
    ):
        restored = checkpoint.restore_latest(manager, state, batches, len(source))
        return jax.device_get(restored), batches.get_state()
