"""TFDS builder of Kaggle's Anime Sketch Colorization Pair."""

import io
import lzma
import sys
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import ClassVar, NamedTuple

import numpy as np
import tensorflow_datasets as tfds
import tqdm
from PIL import Image

from s2c_jax.datasets import pairs
from s2c_jax.drawing import image_files, palette
from s2c_jax.errors import UserError

_HANDLE = "ktaebum/anime-sketch-colorization-pair"
_HOMEPAGE = f"https://www.kaggle.com/datasets/{_HANDLE}"
# What the archive is called by Kaggle's API, and by a browser.
ARCHIVES = ("anime-sketch-colorization-pair.zip", "archive.zip")
_DESCRIPTION = """\
Pairs of an anime sketch and its colour picture. Each file of the archive holds both side by side;
halves that are not 512x512 are padded with white or cropped to that size about their centre.
"palette" is that of the archive's colorgram files. Files that hold no pair are left out; the
metadata names them, and the pictures whose palette had to be computed.
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
            description=_DESCRIPTION,
            homepage=_HOMEPAGE,
            citation=_CITATION,
            metadata=tfds.core.MetadataDict(),
        )

    def find(self, manual_dir: Path | None) -> dict[str, dict[str, str]]:
        """Finds the files of the archive, by name, as paths in it."""
        self._archive = archive = find_archive(manual_dir) or _download(manual_dir)
        self._colorgrams = set(archive.names("colorgram", ".json"))
        found = {
            split: {name: f"data/{folder}/{name}.png" for name in archive.names(folder, ".png")}
            for split, folder in _FOLDERS.items()
        }
        for split, members in found.items():
            if not members:
                raise UserError(f"{archive.path} holds no data/{_FOLDERS[split]}/*.png")
        self._may_leave_out = int(MAX_LEFT_OUT * sum(map(len, found.values())))
        self._left = {_FOLDERS[split]: len(members) for split, members in found.items()}
        self.info.metadata.update(left_out={}, palette_computed=[])
        return found

    def make(self, source: str) -> pairs.Example:
        """Reads a file of the archive: the pair, its palette, and whether that was computed."""
        color, sketch = split_halves(self._archive.read(source), source)
        colors = self._colorgram(PurePosixPath(source).stem)
        computed = colors is None
        if colors is None:
            # Before it is made smaller, as those of the archive were.
            colors = palette.extract(np.asarray(color))
        size = (self.builder_config.size, self.builder_config.size)
        if color.size != size:
            color, sketch = (
                half.resize(size, Image.Resampling.LANCZOS) for half in (color, sketch)
            )
        pair = pairs.encode(sketch=sketch, color=color, colors=colors)
        return {**pair, "palette_computed": computed}

    def generate(
        self, made: Iterator[tuple[str, pairs.Example | UserError]]
    ) -> Iterator[pairs.Example]:
        """Yields a shard's examples, and keeps account in the metadata of what is special.

        Raises:
            UserError: more than `MAX_LEFT_OUT` of the files hold no pair.
        """
        for name, pair in made:
            if isinstance(pair, UserError):
                self._leave_out(pair)
                continue
            if pair.pop("palette_computed"):
                self.info.metadata["palette_computed"].append(name)
            yield {"id": name, **pair}

    def _colorgram(self, name: str) -> palette.Palette | None:
        """Reads a picture's colorgram; None if there is none or it is damaged."""
        if name not in self._colorgrams:
            return None
        try:
            return palette.parse(self._archive.read(f"data/colorgram/{name}.json"))
        except (UserError, ValueError):
            return None

    def _leave_out(self, error: UserError) -> None:
        left_out = self.info.metadata["left_out"]
        member, _, reason = str(error).partition(": ")
        left_out[member] = reason
        tqdm.tqdm.write(f"left out {error}", file=sys.stderr)
        folder = PurePosixPath(member).parent.name
        self._left[folder] -= 1
        if not self._left[folder]:
            raise UserError(f"{self._archive.path} holds no pair in data/{folder}")
        if len(left_out) > self._may_leave_out:
            worst = "; ".join(f"{name}: {why}" for name, why in list(left_out.items())[:5])
            raise UserError(
                f"{self._archive.path}: {len(left_out)} files so far hold no pair, more than "
                f"{MAX_LEFT_OUT:.0%} of all ({worst}): is the download whole?"
            )

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
        members: what `reader` takes, by path, such as data/train/79.png.
        reader: reads what `members` names, in several threads.
    """

    path: Path
    members: dict[str, str]
    reader: Callable[[str], bytes]

    def names(self, folder: str, suffix: str) -> Iterator[str]:
        """Yields the names, without their suffix, of a folder's members."""
        for member in self.members:
            path = PurePosixPath(member)
            hidden = path.name.startswith(".")
            if (
                path.parent == PurePosixPath("data", folder)
                and path.suffix == suffix
                and not hidden
            ):
                yield path.stem

    def read(self, member: str) -> bytes:
        """Reads a member.

        Raises:
            UserError: it is damaged.
        """
        try:
            return self.reader(self.members[member])
        except (
            OSError, EOFError, RuntimeError, zipfile.BadZipFile, lzma.LZMAError, zlib.error
        ) as error:  # fmt: skip
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
            members = {
                "/".join(parts[-3:]): member
                for member in file.namelist()
                if (parts := PurePosixPath(member).parts)[-3:-2] == ("data",)
                and "__MACOSX" not in parts
            }
            if members:
                return Archive(path, members, file.read)
    for path in (folder, folder / Path(ARCHIVES[0]).stem):
        if (path / "data").is_dir():
            members = {
                file.relative_to(path).as_posix(): str(file) for file in path.glob("data/*/*")
            }
            return Archive(path, members, lambda file: Path(file).read_bytes())
    return None


def _download(manual_dir: Path | None) -> Archive:
    """Has kagglehub download the archive, which keeps it extracted in its own cache.

    Raises:
        UserError: it is not installed, or cannot.
    """
    instructions = AnimeSketchColorization.MANUAL_DOWNLOAD_INSTRUCTIONS
    missing = f"Kaggle's archive is not {f'in {manual_dir}' if manual_dir else 'there'}"
    try:
        import kagglehub
    except ImportError:
        raise UserError(f"{missing}. {instructions}") from None
    try:
        folder = Path(kagglehub.dataset_download(_HANDLE))
    except Exception as error:  # of whatever kind the package's transports raise
        reason = " ".join(str(error).split()) or type(error).__name__
        raise UserError(
            f"{missing}, and kagglehub could not download it ({reason}). {instructions}"
        ) from error
    archive = find_archive(folder)
    if archive is None:
        raise UserError(f"kagglehub downloaded to {folder}, where there is no folder data")
    return archive


def split_halves(data: bytes, name: str) -> tuple[Image.Image, Image.Image]:
    """Returns the colour picture (left) and the sketch (right) of a file, each 512x512.

    Args:
        data: the PNG file.
        name: how messages call it.

    Raises:
        UserError: it does not decode, is not twice as wide as high (within one pixel), or one of
            its halves is empty.
    """
    both = image_files.read(io.BytesIO(data), name)
    width, height = both.size
    if width < 2 or abs(width - 2 * height) > 1:
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
    square = Image.new("RGB", (_SIDE, _SIDE), image_files.WHITE)
    square.paste(picture, (left, top))
    return square
