"""TFDS builder of Kaggle's Anime Sketch Colorization Pair."""

import collections
import concurrent.futures
import io
import os
import sys
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import Any, ClassVar, NamedTuple

import numpy as np
import tensorflow_datasets as tfds
import tqdm
from PIL import Image

from s2c_jax import images, palette
from s2c_jax.datasets import pairs
from s2c_jax.errors import UserError

_HANDLE = "ktaebum/anime-sketch-colorization-pair"
_HOMEPAGE = f"https://www.kaggle.com/datasets/{_HANDLE}"
# What the archive is called by Kaggle's API, and by a browser.
ARCHIVES = ("anime-sketch-colorization-pair.zip", "archive.zip")
_DESCRIPTION = """\
Pairs of an anime sketch and its colour picture. Each file of the archive holds both side by side;
halves that are not 512x512 are padded with white or cropped to that size about their centre.
"palette" holds the main colours of four horizontal bands of the colour picture, from top to bottom,
background left out. Files that hold no pair are left out; the metadata names them, and the
pictures whose palette had to be computed.
"""
_CITATION = """\
@misc{anime-sketch-colorization-pair,
  title = {Anime Sketch Colorization Pair},
  author = {Taebum Kim},
  howpublished = {https://www.kaggle.com/datasets/ktaebum/anime-sketch-colorization-pair},
}
"""
_SIDE = 512
_FOLDERS = {"train": "train", "validation": "val"}
# The share of the files that may hold no pair; of more, something is wrong with the archive.
MAX_LEFT_OUT = 0.01


class AnimeSketchColorization(pairs.PairsBuilder):
    """Sketch, colour picture and palette from Kaggle's archive, its extracted folder, or Kaggle."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First version."}  # noqa: RUF012
    BUILDER_CONFIGS: ClassVar[list[pairs.PairsConfig]] = pairs.configs(128, 256, 512)
    MANUAL_DOWNLOAD_INSTRUCTIONS = (
        f"Download the archive (6 GB, with a Kaggle account) from {_HOMEPAGE} and give the folder "
        f"that holds {ARCHIVES[0]} as --manual_dir; it need not be extracted. Or have it "
        "downloaded: pip install 's2c_jax[kaggle]', "
        "python -c 'import kagglehub; kagglehub.login()', and the same command again"
    )

    def _info(self) -> tfds.core.DatasetInfo:
        return self.pairs_info(
            features={"palette": tfds.features.Tensor(shape=(4, 4, 3), dtype=np.uint8)},
            description=_DESCRIPTION,
            homepage=_HOMEPAGE,
            citation=_CITATION,
            metadata=tfds.core.MetadataDict(),
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Any]:
        archive = find_archive(pairs.manual_dir(dl_manager)) or _download()
        members = {
            split: sorted(archive.names(folder, ".png")) for split, folder in _FOLDERS.items()
        }
        for split, names in members.items():
            if not names:
                raise UserError(f"{archive.path} holds no data/{_FOLDERS[split]}/*.png")
        reader = _Reader(
            archive,
            self.builder_config.size,
            with_palette=set(archive.names("colorgram", ".json")),
            may_leave_out=int(MAX_LEFT_OUT * sum(map(len, members.values()))),
        )
        self.info.metadata.update(left_out=reader.left_out, palette_computed=reader.computed)
        return {split: self._generate_examples(reader, split, members[split]) for split in members}

    def _generate_examples(
        self, reader: "_Reader", split: str, names: list[str]
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        yield from reader.examples(_FOLDERS[split], names)

    def summary(self) -> str:
        """Returns a line about what was left out and which palettes were computed."""
        metadata = self.info.metadata
        left_out = metadata["left_out"]
        names = f" ({', '.join(sorted(left_out)[:10])}{' …' * (len(left_out) > 10)})"
        return (
            f"left out {len(left_out)} files that hold no pair{names if left_out else ''}; "
            f"{len(metadata['palette_computed'])} palettes computed for want of a colorgram"
        )


class Archive(NamedTuple):
    """The pictures' files, in a zip file or a folder.

    Attributes:
        path: of the zip file or the folder.
        members: what to read, by path, such as data/train/79.png.
        read: reads a member; from several threads, if you like.
    """

    path: Path
    members: dict[str, str]
    read: Callable[[str], bytes]

    def names(self, folder: str, suffix: str) -> Iterator[str]:
        """Yields the names, without their suffix, of a folder's members."""
        for member in self.members:
            path = PurePosixPath(member)
            if path.parent == PurePosixPath("data", folder) and path.suffix == suffix:
                yield path.stem

    def bytes_of(self, member: str) -> bytes:
        """Reads a member.

        Raises:
            UserError: it is damaged.
        """
        try:
            return self.read(self.members[member])
        except (OSError, EOFError, NotImplementedError, zipfile.BadZipFile, zlib.error) as error:
            raise UserError(f"{member}: cannot be read ({error})") from None


def find_archive(folder: Path | None) -> Archive | None:
    """Opens the archive in `folder`, or the folder `data` that came out of it.

    Returns:
        None if neither is there.

    Raises:
        UserError: the archive is damaged, as after a download that was cut off.
    """
    if folder is None:
        return None
    for name in ARCHIVES:
        path = folder / name
        if path.is_file():
            try:
                file = zipfile.ZipFile(path)
            except (OSError, zipfile.BadZipFile) as error:
                raise UserError(
                    f"{path} is no whole zip file ({error}): download it again"
                ) from None
            # It may hold `data` within a folder, and what a Mac adds.
            paths = [PurePosixPath(member) for member in file.namelist()]
            members = {
                "/".join(path.parts[-3:]): str(path)
                for path in paths
                if path.parts[-3:-2] == ("data",) and "__MACOSX" not in path.parts
            }
            return Archive(path, members, file.read)
    for path in (folder, folder / Path(ARCHIVES[0]).stem):
        if (path / "data").is_dir():
            members = {
                file.relative_to(path).as_posix(): str(file) for file in path.glob("data/*/*")
            }
            return Archive(path, members, lambda file: Path(file).read_bytes())
    return None


def _download() -> Archive:
    """Has kagglehub download the archive, which keeps it extracted in its own cache.

    Raises:
        UserError: it is not installed, or cannot.
    """
    instructions = AnimeSketchColorization.MANUAL_DOWNLOAD_INSTRUCTIONS
    try:
        import kagglehub
    except ImportError:
        raise UserError(f"Kaggle's archive is not there. {instructions}") from None
    try:
        folder = Path(kagglehub.dataset_download(_HANDLE))
    except Exception as error:  # of whatever kind the package's transports raise
        reason = " ".join(str(error).split()) or type(error).__name__
        raise UserError(
            f"Kaggle's archive is not there, and kagglehub could not download it ({reason}). "
            f"{instructions}"
        ) from error
    archive = find_archive(folder)
    if archive is None:
        raise UserError(f"kagglehub downloaded to {folder}, where there is no folder data")
    return archive


class _Reader:
    """Turns files into examples, on all cores, and keeps account of what it could not use.

    Attributes:
        left_out: why each file holds no pair, by its path.
        computed: the names of the pictures whose palette is not from a colorgram.
    """

    def __init__(
        self, archive: Archive, size: int, with_palette: set[str], may_leave_out: int
    ) -> None:
        self._archive, self._size = archive, size
        self._with_palette, self._may_leave_out = with_palette, may_leave_out
        self.left_out: dict[str, str] = {}
        self.computed: list[str] = []

    def examples(self, folder: str, names: list[str]) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yields the examples of a folder of the archive by name.

        Raises:
            UserError: more files than may be hold no pair.
        """
        members = [f"data/{folder}/{name}.png" for name in names]
        # Pillow and zlib let go of the interpreter's lock while they work.
        for member, example in zip(members, _in_threads(self._example, members), strict=True):
            if isinstance(example, UserError):
                self._leave_out(member, str(example).removeprefix(f"{member}: "))
                continue
            if not example.pop("has_colorgram"):
                self.computed.append(example["id"])
            yield example["id"], example

    def _example(self, member: str) -> dict[str, Any] | UserError:
        name = PurePosixPath(member).stem
        try:
            color, sketch = split_halves(self._archive.bytes_of(member), member)
            colors = self._colorgram(name)
        except UserError as error:
            return error
        has_colorgram = colors is not None
        if colors is None:
            colors = palette.extract(np.asarray(color))
        if self._size != _SIDE:
            color, sketch = (
                half.resize((self._size, self._size), Image.Resampling.LANCZOS)
                for half in (color, sketch)
            )
        example = pairs.example(name, sketch=sketch, color=color)
        return {**example, "palette": colors, "has_colorgram": has_colorgram}

    def _colorgram(self, name: str) -> palette.Palette | None:
        if name not in self._with_palette:
            return None
        try:
            return palette.parse(self._archive.bytes_of(f"data/colorgram/{name}.json"))
        except (UserError, ValueError):
            # Then it is computed, and counted so.
            return None

    def _leave_out(self, member: str, reason: str) -> None:
        self.left_out[member] = reason
        tqdm.tqdm.write(f"left out {member}: {reason}", file=sys.stderr)
        if len(self.left_out) > self._may_leave_out:
            worst = "; ".join(f"{name}: {why}" for name, why in list(self.left_out.items())[:5])
            raise UserError(
                f"{self._archive.path}: {len(self.left_out)} files so far hold no pair, more than "
                f"{MAX_LEFT_OUT:.0%} of all ({worst}): is the download whole?"
            )


def split_halves(data: bytes, name: str) -> tuple[Image.Image, Image.Image]:
    """Returns the colour picture (left) and the sketch (right) of a file, each 512x512.

    Args:
        data: the PNG file.
        name: how messages call it.

    Raises:
        UserError: it does not decode, is not twice as wide as high (within one pixel), or one of
            its halves is empty.
    """
    both = images.read(io.BytesIO(data), name)
    width, height = both.size
    if abs(width - 2 * height) > 1:
        raise UserError(f"{name}: {width}x{height} pixels are not two squares side by side")
    half = width // 2
    halves = []
    for kind, left in (("colour", 0), ("sketch", width - half)):
        picture = both.crop((left, 0, left + half, height))
        if all(low == high for low, high in picture.getextrema()):  # type: ignore[misc]
            raise UserError(f"{name}: its {kind} half is empty")
        halves.append(_center(picture))
    return halves[0], halves[1]


def _center(picture: Image.Image) -> Image.Image:
    """Pads with white, or crops, to a square of the data set's side about the centre."""
    width, height = picture.size
    if (width, height) == (_SIDE, _SIDE):
        return picture
    left, top = (_SIDE - width) // 2, (_SIDE - height) // 2
    square = Image.new("RGB", (_SIDE, _SIDE), images.WHITE)
    square.paste(picture, (left, top))
    return square


def _in_threads(function: Callable[[str], Any], items: Iterable[str]) -> Iterator[Any]:
    """Maps in order on all cores, a few items ahead of what is asked for."""
    workers = os.cpu_count() or 1
    waiting: collections.deque[concurrent.futures.Future[Any]] = collections.deque()
    with concurrent.futures.ThreadPoolExecutor(workers) as pool:
        for item in items:
            waiting.append(pool.submit(function, item))
            if len(waiting) > 4 * workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
