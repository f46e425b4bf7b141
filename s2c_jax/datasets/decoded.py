"""The pairs of a prepared split, decoded, in one file: for devices that outrun PNG."""

import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import tqdm

from s2c_jax.datasets import pairs
from s2c_jax.errors import UserError

# Pairs decoded before they are written.
_AHEAD = 64


def path_of(data_dir: Path, split: str) -> Path:
    """Returns where a split's file is, beside its records."""
    return data_dir / f"decoded-{split}.npy"


def pair_dtype(size: int) -> np.dtype:
    """Returns what a pair of pictures with that side is in the file."""
    shapes = {"sketch": (size, size, 3), "color": (size, size, 3), "palette": (4, 4, 3)}
    return np.dtype([(name, np.uint8, shapes[name]) for name in pairs.FEATURES])


def write(path: Path, source: pairs.PairSource) -> None:
    """Decodes all pairs into a file, an array of `pair_dtype`, whole or not at all.

    Args:
        path: the file.
        source: from `pairs.open_records`.

    Raises:
        OSError: it cannot be written.
    """
    dtype = pair_dtype(len(pairs.decode(source[0])["sketch"]))

    def pair(i: int) -> bytes:
        decoded = pairs.decode(source[i])
        return b"".join(decoded[name].tobytes() for name in pairs.FEATURES)

    header = np.lib.format.header_data_from_array_1_0(np.empty(0, dtype))
    header["shape"] = (len(source),)
    partial = path.with_name(path.name + ".partial")
    try:
        # Not memory-mapped: there, a full disk is no error that could be told.
        with (
            partial.open("wb") as file,
            ThreadPoolExecutor() as pool,
            tqdm.tqdm(
                total=len(source), unit="pair", leave=False, disable=not sys.stderr.isatty()
            ) as progress,
        ):
            np.lib.format.write_array_header_1_0(file, header)
            for start in range(0, len(source), _AHEAD):
                for decoded in pool.map(pair, range(start, min(start + _AHEAD, len(source)))):
                    file.write(decoded)
                    progress.update()
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


class DecodedSource(Sequence[pairs.Pair]):
    """A split's pairs from its file, memory-mapped: what is read often stays in the page cache."""

    def __init__(self, path: Path, num_pairs: int, size: int) -> None:
        """Opens the file.

        Args:
            path: the file.
            num_pairs: how many the split has.
            size: the pictures' side.

        Raises:
            UserError: the file is damaged, or of another data set.
        """
        try:
            self._pairs = np.lib.format.open_memmap(path, mode="r")
        except (OSError, ValueError) as error:
            raise UserError(f"{path} cannot be read ({error}): delete it") from None
        found, expected = self._pairs, pair_dtype(size)
        if found.shape != (num_pairs,) or found.dtype != expected:
            raise UserError(
                f"{path} does not hold {num_pairs} pairs of {size} px, as this version keeps them: "
                "delete it"
            )

    def __len__(self) -> int:
        """Returns the number of pairs."""
        return len(self._pairs)

    def __getitem__(self, index: Any) -> Any:
        """Reads a pair into memory."""
        pair = self._pairs[index]
        return {name: np.array(pair[name]) for name in pairs.FEATURES}
