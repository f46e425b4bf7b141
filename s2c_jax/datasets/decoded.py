"""The pictures of a prepared split as bytes in one file, for devices that outrun PNG."""

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


def write(path: Path, source: Any) -> None:
    """Decodes all pairs into a file, uint8 (pairs, 2, height, width, 3), whole or not at all.

    Args:
        path: the file.
        source: from `pairs.open_records`.

    Raises:
        OSError: it cannot be written.
    """

    def pair(i: int) -> np.ndarray:
        decoded = pairs.decode(source[i])
        return np.stack([decoded["sketch"], decoded["color"]])

    header = np.lib.format.header_data_from_array_1_0(pair(0))
    header["shape"] = (len(source), *header["shape"])
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
                for pictures in pool.map(pair, range(start, min(start + _AHEAD, len(source)))):
                    file.write(pictures.data)
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
            self._pictures = np.lib.format.open_memmap(path, mode="r")
        except (OSError, ValueError) as error:
            raise UserError(f"{path} cannot be read ({error}): delete it") from None
        found, expected = self._pictures, (num_pairs, 2, size, size, 3)
        if found.shape != expected or found.dtype != np.uint8:
            raise UserError(
                f"{path} is {found.dtype} {found.shape} and should be uint8 {expected}: delete it"
            )

    def __len__(self) -> int:
        """Returns the number of pairs."""
        return len(self._pictures)

    def __getitem__(self, index: Any) -> Any:
        """Reads a pair into memory."""
        sketch, color = np.array(self._pictures[index])
        return {"sketch": sketch, "color": color}
