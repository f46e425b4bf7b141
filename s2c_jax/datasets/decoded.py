"""A prepared split's pairs, decoded, in one file, for devices that train faster than PNG decodes.

The file is a NumPy array (.npy) of structures, `pair_dtype`; the reader maps it into memory.
"""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from s2c_jax.datasets import pairs
from s2c_jax.errors import UserError
from s2c_jax.files import partial_file
from s2c_jax.runtime import map_ahead

# Pairs that are decoded ahead of the one that is written; limits the memory.
_AHEAD = 64


def path_of(data_dir: Path, split: str) -> Path:
    """Returns the path of a split's file, in the folder of its records."""
    return data_dir / f"decoded-{split}.npy"


def pair_dtype(size: int) -> np.dtype:
    """Returns the structure of a pair in the file, for pictures whose side is `size` pixels."""
    shapes = {"sketch": (size, size, 3), "color": (size, size, 3), "palette": (4, 4, 3)}
    return np.dtype([(name, np.uint8, shapes[name]) for name in pairs.FEATURES])


def write(path: Path, source: pairs.PairSource) -> None:
    """Decodes all pairs of `pairs.open_records` into a file; a failure leaves no file."""
    dtype = pair_dtype(len(pairs.decode(source[0])["sketch"]))
    header = np.lib.format.header_data_from_array_1_0(np.empty(0, dtype))
    header["shape"] = (len(source),)
    # Write without a memory map: with one, a full disk ends the process by SIGBUS.
    with (
        partial_file(path) as partial,
        partial.open("wb") as file,
        ThreadPoolExecutor() as pool,
        pairs.progress_bar(len(source)) as progress,
    ):
        np.lib.format.write_array_header_1_0(file, header)
        for pair in map_ahead(pool, lambda i: _pair_bytes(source, i), range(len(source)), _AHEAD):
            file.write(pair)
            progress.update()


def _pair_bytes(source: pairs.PairSource, index: int) -> bytes:
    pair = pairs.decode(source[index])
    return b"".join(pair[name].tobytes() for name in pairs.FEATURES)


class DecodedSource:
    """A `pairs.PairSource` that reads a memory-mapped file; the page cache keeps recent pairs."""

    def __init__(self, path: Path, num_pairs: int, size: int) -> None:
        """Opens the file of a split of `num_pairs` pairs, whose side is `size` pixels.

        Raises:
            UserError: the file is damaged, or holds another number or size of pairs.
        """
        try:
            self._pairs = np.lib.format.open_memmap(path, mode="r")
        except (OSError, ValueError) as error:
            raise UserError(f"{path} cannot be read ({error}): delete it") from None
        if self._pairs.shape != (num_pairs,) or self._pairs.dtype != pair_dtype(size):
            raise UserError(
                f"{path} does not hold {num_pairs} pairs of {size} px, as this version keeps them: "
                "delete it"
            )

    def __len__(self) -> int:
        return len(self._pairs)

    def __getitem__(self, index: int) -> pairs.Pair:
        """Returns a copy of a pair, which its reader may change."""
        pair = self._pairs[index]
        return {name: np.array(pair[name]) for name in pairs.FEATURES}
