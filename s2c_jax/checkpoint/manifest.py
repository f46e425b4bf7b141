"""A checkpoint's manifest, whose checksums reveal damage."""

import contextlib
import json
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NotRequired, TypedDict

import jax
import numpy as np
from jaxtyping import PyTree

from s2c_jax.errors import UserError, first_line


class CorruptCheckpoint(UserError):
    """A checkpoint is not what was saved."""


class Manifest(TypedDict):
    """The JSON item "contents" of a checkpoint.

    Attributes:
        checksums: the CRC-32 of each leaf of the state, and of "data", "num_pairs" and "metrics".
        num_pairs: the number of training pairs. An initial checkpoint has no position in the data,
            and lacks the number.
    """

    checksums: dict[str, int]
    num_pairs: NotRequired[int]


def tree_checksums(tree: PyTree) -> dict[str, int]:
    """Returns the CRC-32 of each leaf's bytes, by the leaf's path, such as "ema/params/kernel"."""
    return {
        jax.tree_util.keystr(path, simple=True, separator="/"): zlib.crc32(
            np.ascontiguousarray(leaf).data
        )
        for path, leaf in jax.tree_util.tree_leaves_with_path(jax.device_get(tree))
    }


def json_checksum(value: object) -> int:
    """Returns the CRC-32 of a value's JSON text, which does not depend on the order of keys."""
    return zlib.crc32(json.dumps(value, sort_keys=True).encode())


def read_manifest(folder: Path) -> Manifest:
    """Reads the manifest of a checkpoint's folder; call it within `reading`."""
    # Earlier versions of s2c_jax wrote an item "num_pairs", and no manifest.
    if (folder / "num_pairs").is_dir():
        raise UserError(
            f"the checkpoint {folder} is of an earlier version, which kept no checksums: "
            "take that version, or another workdir"
        )
    manifest: Manifest = json.loads((folder / "contents" / "metadata").read_text())
    return manifest


def verify(checksums: Mapping[str, int], manifest: Manifest) -> None:
    """Raises ValueError if a checksum differs from the manifest's; call it within `reading`."""
    for name, checksum in checksums.items():
        if manifest["checksums"][name] != checksum:
            raise ValueError(f"{name} is not what was saved")


@contextlib.contextmanager
def reading(folder: Path) -> Iterator[None]:
    """Turns the exceptions of reading a checkpoint into `UserError`.

    Raises:
        CorruptCheckpoint: the checkpoint is damaged.
        UserError: reading failed for another reason, such as lack of memory.
    """
    try:
        yield
    except UserError:
        raise
    # Orbax, TensorStore and Grain raise exceptions of many classes for a damaged file.
    except Exception as error:
        message = f"the checkpoint {folder} cannot be read ({first_line(error)})"
        raise CorruptCheckpoint(message) if _is_damage(error) else UserError(message) from error


def _is_damage(error: Exception) -> bool:
    """Returns whether an exception is due to the files, and not to memory or the file system."""
    if isinstance(error, OSError):
        # A missing file is damage. Other errors, such as of a network drive, may pass.
        return isinstance(error, FileNotFoundError)
    return not isinstance(error, MemoryError) and "RESOURCE_EXHAUSTED" not in str(error)
