"""What every data set of sketch and colour pairs has in common."""

import abc
import collections
import concurrent.futures
import dataclasses
import functools
import hashlib
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar, Protocol, runtime_checkable

import numpy as np
import tensorflow_datasets as tfds
import tqdm
from jaxtyping import UInt8
from PIL import Image

from s2c_jax.drawing import image_files, palette
from s2c_jax.errors import UserError

_VALIDATION_SHARE = 0.1
# TFDS keeps a shard's pairs in memory until the shard is written.
_PAIRS_A_SHARD = 256

# What training reads.
FEATURES = ("sketch", "color", "palette")

Example = dict[str, Any]
Pair = dict[str, UInt8[np.ndarray, "rows columns 3"]]


@runtime_checkable
class PairSource(Protocol):
    """A random-access source of examples: "sketch", "color" and "palette", as `decode` takes them.

    Pictures are PNG files' bytes, or decoded uint8 arrays.
    """

    def __len__(self) -> int:
        """Returns the number of examples."""
        ...

    def __getitem__(self, index: int, /) -> Mapping[str, Any]:
        """Returns one example."""
        ...


@dataclasses.dataclass
class PairsConfig(tfds.core.BuilderConfig):
    """One size of the pictures.

    Attributes:
        size: the side in pixels.
    """

    size: int = 64


def configs(*sizes: int) -> list[PairsConfig]:
    """Returns a config for each size in pixels, named after it."""
    return [
        PairsConfig(name=str(size), description=f"{size}x{size} pixels", size=size)
        for size in sizes
    ]


class PairsBuilder(tfds.core.ShardBasedBuilder, skip_registration=True):  # type: ignore[call-arg]
    """A builder of pairs in several sizes, kept as PNG in ArrayRecord: that needs no TensorFlow.

    Features: "sketch" and "color", RGB pictures of the config's size, "palette", the main colours
    of four horizontal bands of the colour picture from top to bottom, and "id", a name. A subclass
    says where its pairs are (`find`) and makes one of them (`make`); pairs are made on all cores
    and kept in an order that is drawn by their names.
    """

    BUILDER_CONFIGS: ClassVar[list[PairsConfig]] = configs(64, 128, 256, 512)

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("file_format", tfds.core.FileFormat.ARRAY_RECORD)
        super().__init__(**kwargs)

    @abc.abstractmethod
    def find(self, manual_dir: Path | None) -> dict[str, dict[str, Any]]:
        """Returns the pairs of "train" and "validation": their names, and what `make` gets of them.

        Args:
            manual_dir: the folder of the user's own files; None if it is missing or empty.

        Raises:
            UserError: they are not there.
        """

    @abc.abstractmethod
    def make(self, source: Any) -> Example:
        """Returns a pair's features but for its "id", see `encode`; it runs in several threads.

        Raises:
            UserError: it cannot be made.
        """

    def generate(self, made: Iterator[tuple[str, Example | UserError]]) -> Iterator[Example]:
        """Yields the examples of a shard; a pair that could not be made ends the preparation.

        Args:
            made: the pairs by name, in order.
        """
        for name, pair in made:
            if isinstance(pair, UserError):
                raise pair
            yield {"id": name, **pair}

    def summary(self) -> str:
        """Returns a line about the preparation, to be printed after it; "" is none."""
        return ""

    def pairs_info(self, **description: Any) -> tfds.core.DatasetInfo:
        """Returns TFDS's description of the data set.

        Args:
            **description: description, homepage, citation, license, metadata.
        """
        size = self.builder_config.size
        picture = tfds.features.Image(shape=(size, size, 3), encoding_format="png")
        return tfds.core.DatasetInfo(
            builder=self,
            features=tfds.features.FeaturesDict(
                {
                    "sketch": picture,
                    "color": picture,
                    "palette": tfds.features.Tensor(shape=(4, 4, 3), dtype=np.uint8),
                    "id": tfds.features.Text(),
                }
            ),
            supervised_keys=("sketch", "color"),
            **description,
        )

    def _shard_iterators_per_split(
        self, dl_manager: tfds.download.DownloadManager
    ) -> dict[str, list[Callable[[], Iterator[tuple[str, Example]]]]]:
        try:
            manual_dir = Path(dl_manager.manual_dir)
        except (AssertionError, ValueError):  # missing or empty; not asked for
            manual_dir = None
        splits = {
            split: sorted(found.items(), key=lambda pair: _hash(pair[0]))
            for split, found in self.find(manual_dir).items()
        }
        progress = tqdm.tqdm(
            total=sum(map(len, splits.values())),
            unit="pair",
            leave=False,
            disable=not sys.stderr.isatty(),
        )

        def shard(pairs: list[tuple[str, Any]]) -> Iterator[tuple[str, Example]]:
            for example in self.generate(counted(pairs)):
                yield example["id"], example

        def counted(pairs: list[tuple[str, Any]]) -> Iterator[tuple[str, Example | UserError]]:
            for pair in self._made(pairs):
                yield pair
                progress.update()
            if progress.n == progress.total:
                progress.close()

        return {
            split: [
                functools.partial(shard, found[start : start + _PAIRS_A_SHARD])
                for start in range(0, len(found), _PAIRS_A_SHARD)
            ]
            for split, found in splits.items()
        }

    def _made(self, pairs: list[tuple[str, Any]]) -> Iterator[tuple[str, Example | UserError]]:
        """Makes pairs a few ahead; Pillow and zlib let go of the interpreter's lock meanwhile."""

        def make(source: Any) -> Example | UserError:
            try:
                return self.make(source)
            except UserError as error:
                return error

        workers = os.cpu_count() or 1
        waiting: collections.deque[tuple[str, concurrent.futures.Future[Example | UserError]]]
        waiting = collections.deque()
        with concurrent.futures.ThreadPoolExecutor(workers) as pool:
            for name, source in pairs:
                waiting.append((name, pool.submit(make, source)))
                if len(waiting) > 4 * workers:
                    done, future = waiting.popleft()
                    yield done, future.result()
            for done, future in waiting:
                yield done, future.result()


def encode(
    *, sketch: Image.Image, color: Image.Image, colors: palette.Palette | None = None
) -> Example:
    """Returns a pair as the builder's features.

    Args:
        sketch: RGB, of the config's size.
        color: RGB, of the config's size.
        colors: the colour picture's palette; None has it computed.
    """
    return {
        "sketch": image_files.encode_png(sketch),
        "color": image_files.encode_png(color),
        "palette": palette.extract(np.asarray(color)) if colors is None else colors,
    }


def decode(example: Mapping[str, Any]) -> Pair:
    """Returns an example's "sketch", "color" and "palette", decoded unless they are already."""
    return {
        key: example[key]
        if isinstance(example[key], np.ndarray)
        else image_files.decode_png(example[key])
        for key in FEATURES
    }


def open_records(builder: tfds.core.DatasetBuilder, split: str) -> PairSource:
    """Returns a random-access source of a prepared data set's examples, for `decode`."""
    skip = tfds.decode.SkipDecoding()
    return builder.as_data_source(split, decoders={"sketch": skip, "color": skip})


def split_by_name(found: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Holds a tenth of the pairs out for validation."""
    return {
        "train": {name: pair for name, pair in found.items() if not is_validation(name)},
        "validation": {name: pair for name, pair in found.items() if is_validation(name)},
    }


def is_validation(name: str) -> bool:
    """Whether a pair is held out: by its name alone, so that adding one never moves another."""
    return int(_hash(name)[:8], 16) < _VALIDATION_SHARE * 2**32


def _hash(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()
