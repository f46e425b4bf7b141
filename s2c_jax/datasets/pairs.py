"""The base of all data sets of sketch and colour pairs: TFDS builder, pair source, codec, split."""

import abc
import dataclasses
import functools
import hashlib
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, ClassVar, Generic, Protocol, TypeVar, runtime_checkable

import numpy as np
import tensorflow_datasets as tfds
import tqdm
from jaxtyping import UInt8
from PIL import Image

from s2c_jax.datasets import own_files
from s2c_jax.drawing import image_files, palette
from s2c_jax.errors import UserError
from s2c_jax.runtime import map_ahead

# The features that training reads.
FEATURES = ("sketch", "color", "palette")

# The largest share of a data set's files that may hold no pair, where any may: with more, the data
# must be damaged.
MAX_LEFT_OUT = 0.01
# Share of the pairs in the validation split.
_VALIDATION_SHARE = 0.1
# Pairs in a shard; TFDS keeps a shard's pairs in memory until the shard is written.
_PAIRS_PER_SHARD = 256

# A pair's encoded features by name, as a builder makes them; pictures are PNG files.
Example = dict[str, bytes | str | bool | np.ndarray]
# A pair's decoded features, `FEATURES`, in [0, 255].
Pair = dict[str, UInt8[np.ndarray, "rows columns 3"]]
# The argument of `PairsBuilder.make` for one pair, such as a path.
Source = TypeVar("Source")


@runtime_checkable
class PairSource(Protocol):
    """A random-access source of the examples of one split, for `decode`.

    An example holds "sketch" and "color", each the bytes of a PNG file or a decoded picture, and
    "palette". Decoded pictures are uint8 (size, size, 3), palettes uint8 (4, 4, 3).
    """

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> Mapping[str, bytes | np.ndarray]: ...


@dataclasses.dataclass
class PairsConfig(tfds.core.BuilderConfig):
    """A TFDS config for pictures whose side is `size` pixels."""

    size: int = 64


def configs(*sizes: int) -> list[PairsConfig]:
    """Returns a config for each size in pixels; its name is the size."""
    return [PairsConfig(name=str(n), description=f"{n}x{n} pixels", size=n) for n in sizes]


class PairsBuilder(  # type: ignore[call-arg]
    tfds.core.ShardBasedBuilder, Generic[Source], skip_registration=True
):
    """A TFDS builder of pairs in several sizes.

    Features: "sketch" and "color", RGB pictures of the config's size; "palette", the main colours
    of four horizontal bands of the colour picture from top to bottom; "id", the pair's name.

    A subclass finds the pairs (`find`) and makes one pair at a time (`make`). Pairs are made in
    several threads and stored in the order of a hash of their names. The files are ArrayRecord,
    which can be read without TensorFlow.
    """

    BUILDER_CONFIGS: ClassVar[list[PairsConfig]] = configs(64, 128, 256, 512)
    # The largest share of the pairs that may be left out because they cannot be made.
    max_left_out: ClassVar[float] = 0.0
    # Whether pictures that are far from square can be cut into squares, and whether they are.
    can_crop: ClassVar[bool] = False
    crop: bool = False

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("file_format", tfds.core.FileFormat.ARRAY_RECORD)
        super().__init__(**kwargs)

    def is_prepared(self) -> bool:
        """Returns whether the data has been prepared; TFDS warns of a folder without data."""
        info = Path(self.data_dir) / tfds.core.constants.DATASET_INFO_FILENAME
        return info.exists() and super().is_prepared()

    @abc.abstractmethod
    def find(self, manual_dir: Path | None) -> dict[str, dict[str, Source]]:
        """Finds the pairs.

        Args:
            manual_dir: the folder with the user's own files; None if it is missing or empty.

        Returns:
            For "train" and "validation": the argument of `make` for each pair, by the pair's name.

        Raises:
            UserError: the pairs are not there.
        """

    @abc.abstractmethod
    def make(self, source: Source) -> Example:
        """Makes one pair, with `encode`. Several threads call this method at once.

        Args:
            source: the pair's value from `find`.

        Raises:
            UserError: the pair cannot be made.
        """

    def generate(self, made: Iterator[tuple[str, Example | UserError]]) -> Iterator[Example]:
        """Yields a shard's examples.

        `made` has each pair's name and the result of `make`, or the UserError that `make` raised.
        Without `max_left_out` such an error ends the preparation. Else the pair is named and left
        out, and the metadata lists it.
        """
        for name, pair in made:
            if not isinstance(pair, UserError):
                yield {"id": name, **pair}
            elif self.max_left_out:
                self.info.metadata.setdefault("left_out", {})[name] = str(pair)
                tqdm.tqdm.write(f"left out {pair}", file=sys.stderr)
            else:
                raise pair

    def own_files(self, manual_dir: Path) -> list[Path]:
        """Returns the user's files that the pairs are made of, for a data set of such files.

        Raises:
            UserError: they cannot be found.
        """
        del manual_dir
        return []

    def required_folder(self, manual_dir: Path | None) -> Path:
        """Returns `manual_dir`; raises UserError if there is none."""
        if manual_dir is None:
            raise UserError(f"{self.name} needs --manual_dir. {self.MANUAL_DOWNLOAD_INSTRUCTIONS}")
        return manual_dir

    def summary(self) -> str:
        """Returns a line about the preparation, to be printed after it, or ""."""
        left_out = (self.info.metadata or {}).get("left_out")
        return f"left out {len(left_out)} pairs that cannot be made" if left_out else ""

    def pairs_info(self, **description: Any) -> tfds.core.DatasetInfo:
        """Returns TFDS's description of the data set, with more arguments of `DatasetInfo`."""
        size = self.builder_config.size
        picture = tfds.features.Image(shape=(size, size, 3), encoding_format="png")
        features = {
            "sketch": picture,
            "color": picture,
            "palette": tfds.features.Tensor(shape=(4, 4, 3), dtype=np.uint8),
            "id": tfds.features.Text(),
        }
        return tfds.core.DatasetInfo(
            builder=self,
            features=tfds.features.FeaturesDict(features),
            supervised_keys=("sketch", "color"),
            **description,
        )

    def _shard_iterators_per_split(
        self, dl_manager: tfds.download.DownloadManager
    ) -> dict[str, list[Callable[[], Iterator[tuple[str, Example]]]]]:
        """Returns for each split its shards, as functions that TFDS calls."""
        try:
            manual_dir = Path(dl_manager.manual_dir)
        except (AssertionError, ValueError):
            # TFDS raises if the folder is missing or empty.
            manual_dir = None
        splits = {
            split: sorted(pairs.items(), key=lambda pair: _hash(pair[0]))
            for split, pairs in self.find(manual_dir).items()
        }
        if manual_dir is not None and (files := self.own_files(manual_dir)):
            self.info.metadata["files"] = own_files.fingerprints(manual_dir, files)
        # Count the pairs over all shards, which TFDS writes one after another.
        self._total = self._unmade = sum(map(len, splits.values()))
        progress = progress_bar(self._total)
        return {
            split: [
                functools.partial(self._shard, pairs[start : start + _PAIRS_PER_SHARD], progress)
                for start in range(0, len(pairs), _PAIRS_PER_SHARD)
            ]
            for split, pairs in splits.items()
        }

    def _shard(
        self, pairs: list[tuple[str, Source]], progress: tqdm.tqdm
    ) -> Iterator[tuple[str, Example]]:
        """Yields a shard's examples, each with its key."""
        for example in self.generate(self._make_pairs(pairs, progress)):
            yield str(example["id"]), example

    def _make_pairs(
        self, pairs: list[tuple[str, Source]], progress: tqdm.tqdm
    ) -> Iterator[tuple[str, Example | UserError]]:
        """Makes pairs in threads, a few ahead; Pillow and zlib release the interpreter lock."""
        workers = os.cpu_count() or 1
        with ThreadPoolExecutor(workers) as pool:
            for made in map_ahead(pool, self._make_or_error, pairs, ahead=4 * workers):
                yield made
                progress.update()
                self._unmade -= 1
        if not self._unmade:
            progress.close()
            self._check_left_out()

    def _check_left_out(self) -> None:
        """Raises UserError if more pairs are left out than `max_left_out` allows."""
        count = len((self.info.metadata or {}).get("left_out", {}))
        if self.max_left_out and count > self.max_left_out * self._total:
            raise UserError(
                f"{count} of {self._total} pairs cannot be made, more than "
                f"{self.max_left_out:.0%} (named above): mend or remove their files"
            )

    def _make_or_error(self, pair: tuple[str, Source]) -> tuple[str, Example | UserError]:
        name, source = pair
        try:
            return name, self.make(source)
        except UserError as error:
            return name, error


def encode(
    *, sketch: Image.Image, color: Image.Image, colors: palette.Palette | None = None
) -> Example:
    """Returns a pair's features without "id"; both pictures are RGB and of the config's size.

    If `colors` is None, the palette is computed from the colour picture.
    """
    return {
        "sketch": image_files.encode_png(sketch),
        "color": image_files.encode_png(color),
        "palette": palette.extract(np.asarray(color)) if colors is None else colors,
    }


def decode(example: Mapping[str, bytes | np.ndarray]) -> Pair:
    """Returns an example's `FEATURES`; arrays are taken as they are, PNG files are decoded."""
    pair = {}
    for name in FEATURES:
        value = example[name]
        pair[name] = value if isinstance(value, np.ndarray) else image_files.decode_png(value)
    return pair


def open_records(builder: tfds.core.DatasetBuilder, split: str) -> PairSource:
    """Opens the records of a split of a prepared data set, whose pictures stay PNG files."""
    skip = tfds.decode.SkipDecoding()
    return builder.as_data_source(split, decoders={"sketch": skip, "color": skip})


def split_by_name(pairs: Mapping[str, Source]) -> dict[str, dict[str, Source]]:
    """Splits pairs into "train" and "validation", by `is_validation`; neither is empty.

    Raises:
        UserError: there are fewer than two pairs.
    """
    if len(pairs) < 2:
        raise UserError(f"{len(pairs)} pictures are too few to hold one out: add some")
    # The smallest hash is that of a validation name if there is any, and the largest hash that of a
    # training name if there is any.
    by_hash = sorted(pairs, key=_hash)
    held_out = {*filter(is_validation, pairs), by_hash[0]} - {by_hash[-1]}
    splits: dict[str, dict[str, Source]] = {"train": {}, "validation": {}}
    for name, pair in pairs.items():
        splits["validation" if name in held_out else "train"][name] = pair
    return splits


def is_validation(name: str) -> bool:
    """Returns whether a pair is in the validation split.

    The name alone decides, by its hash, so that a new pair never moves another one.
    """
    return int(_hash(name)[:8], 16) < _VALIDATION_SHARE * 2**32


def progress_bar(total: int) -> tqdm.tqdm:
    """Returns a progress bar of pairs, which shows itself on a terminal only."""
    return tqdm.tqdm(total=total, unit="pair", leave=False, disable=not sys.stderr.isatty())


def _hash(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()
