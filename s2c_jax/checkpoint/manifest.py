"""The manifest of a checkpoint: the checksum of each part, written beside them."""

import contextlib
import json
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jaxtyping import PyTree

from s2c_jax.errors import UserError


class CorruptCheckpoint(UserError):
    """A checkpoint is not what was saved."""


def tree_checksums(tree: PyTree) -> dict[str, int]:
    """Returns the CRC-32 of each leaf's bytes, by its path."""
    return {
        jax.tree_util.keystr(path, simple=True, separator="/"): zlib.crc32(
            np.ascontiguousarray(leaf).data
        )
        for path, leaf in jax.tree_util.tree_leaves_with_path(jax.device_get(tree))
    }


def json_checksum(value: Any) -> int:
    return zlib.crc32(json.dumps(value, sort_keys=True).encode())


def verify(found: Mapping[str, int], contents: Mapping[str, Any]) -> None:
    """Raises ValueError unless what was read is what was saved."""
    for name, checksum in found.items():
        if contents["checksums"][name] != checksum:
            raise ValueError(f"{name} is not what was saved")


def read_manifest(folder: Path) -> dict[str, Any]:
    if (folder / "num_pairs").is_dir():
        raise UserError(
            f"the checkpoint {folder} is of an earlier version, which kept no checksums: "
            "take that version, or another --workdir"
        )
    contents: dict[str, Any] = json.loads((folder / "contents" / "metadata").read_text())
    return contents


@contextlib.contextmanager
def reading(folder: Path) -> Iterator[None]:
    try:
        yield
    except UserError:
        raise
    # What a damaged file makes of Orbax, TensorStore and Grain has no class of its own.
    except Exception as error:
        message = f"the checkpoint {folder} cannot be read ({first_line(error)})"
        # The machine's troubles, which may be over next time.
        troubled = (
            isinstance(error, MemoryError)
            or (isinstance(error, OSError) and not isinstance(error, FileNotFoundError))
            or "RESOURCE_EXHAUSTED" in str(error)
        )
        raise UserError(message) if troubled else CorruptCheckpoint(message) from error


def first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
