"""Kaggle's archive: where it is found, how its members are read, and what a member holds."""

import io
import lzma
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from PIL import Image

from s2c_jax.drawing import image_files
from s2c_jax.errors import UserError

_HANDLE = "ktaebum/anime-sketch-colorization-pair"
HOMEPAGE = f"https://www.kaggle.com/datasets/{_HANDLE}"
# The zip file's name from Kaggle's API, and from a browser.
_ZIP_FILES = ("anime-sketch-colorization-pair.zip", "archive.zip")
DOWNLOAD_INSTRUCTIONS = (
    f"Download the archive (6 GB, with a Kaggle account) from {HOMEPAGE} and give the folder "
    f"that holds {_ZIP_FILES[0]} as --manual_dir; it need not be extracted. Or have it "
    "downloaded: pip install 's2c_jax[kaggle]', "
    "python -c 'import kagglehub; kagglehub.login()', and the same command again"
)
# The side in pixels of each half of a member, as almost all of the archive's have it.
_SIDE = 512


class Archive(NamedTuple):
    """The archive, as a zip file or as a folder.

    Attributes:
        path: the zip file or the folder.
        members: the argument of `reader` for each path in the archive, such as data/train/79.png.
        reader: reads a member's bytes; several threads may call it at once.
    """

    path: Path
    members: dict[str, str]
    reader: Callable[[str], bytes]

    def names(self, folder: str, suffix: str) -> Iterator[str]:
        """Yields the names, without suffix, of the members in data/FOLDER that are not hidden."""
        for member in self.members:
            path = PurePosixPath(member)
            in_folder = path.parent == PurePosixPath("data", folder)
            if in_folder and path.suffix == suffix and not path.name.startswith("."):
                yield path.stem

    def read(self, member: str) -> bytes:
        """Reads a member by its path in the archive.

        Raises:
            UserError: the member is damaged.
        """
        try:
            return self.reader(self.members[member])
        except (
            OSError, EOFError, RuntimeError, zipfile.BadZipFile, lzma.LZMAError, zlib.error
        ) as error:  # fmt: skip
            raise UserError(f"{member}: cannot be read ({error})") from None


def open_archive(manual_dir: Path | None) -> Archive:
    """Opens the archive in a folder, as `find_archive` does; kagglehub downloads a missing one.

    Raises:
        UserError: the archive is damaged, or is not there and cannot be downloaded.
    """
    archive = None if manual_dir is None else find_archive(manual_dir)
    return archive or _download(manual_dir)


def find_archive(folder: Path) -> Archive | None:
    """Opens the archive in a folder: a zip file, or the folder `data` that was extracted from it.

    Raises:
        UserError: the zip file is damaged, as after an interrupted download.
    """
    for name in _ZIP_FILES:
        archive = _open_zip(folder / name) if (folder / name).is_file() else None
        if archive is not None:
            return archive
    for path in (folder, folder / Path(_ZIP_FILES[0]).stem):
        if (path / "data").is_dir():
            found = path.glob("data/*/*")
            members = {file.relative_to(path).as_posix(): str(file) for file in found}
            return Archive(path, members, lambda file: Path(file).read_bytes())
    return None


def split_halves(data: bytes, name: str) -> tuple[Image.Image, Image.Image]:
    """Decodes a PNG file that holds the colour picture on the left and the sketch on the right.

    Returns:
        The colour picture and the sketch, RGB, each padded or cropped to 512x512.

    Raises:
        UserError: the file does not decode, is not twice as wide as high (within one pixel), or one
            of its halves is empty, that is, has one colour.
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


def _open_zip(path: Path) -> Archive | None:
    """Opens a zip file; returns None if it holds no folder `data` and thus is another archive."""
    try:
        file = zipfile.ZipFile(path)
    except (OSError, zipfile.BadZipFile) as error:
        raise UserError(f"{path} is not a complete zip file ({error}): download it again") from None
    # `data` may lie within another folder. macOS adds a copy of the tree, __MACOSX.
    members = {
        "/".join(parts[-3:]): member
        for member in file.namelist()
        if (parts := PurePosixPath(member).parts)[-3:-2] == ("data",) and "__MACOSX" not in parts
    }
    return Archive(path, members, file.read) if members else None


def _download(manual_dir: Path | None) -> Archive:
    """Downloads the archive with kagglehub, which keeps it, extracted, in a cache of its own."""
    missing = f"Kaggle's archive is not {f'in {manual_dir}' if manual_dir else 'there'}"
    try:
        import kagglehub
    except ImportError:
        raise UserError(f"{missing}. {DOWNLOAD_INSTRUCTIONS}") from None
    try:
        folder = Path(kagglehub.dataset_download(_HANDLE))
    # kagglehub documents no exceptions; its HTTP client raises its own.
    except Exception as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise UserError(
            f"{missing}, and kagglehub could not download it ({reason}). {DOWNLOAD_INSTRUCTIONS}"
        ) from error
    archive = find_archive(folder)
    if archive is None:
        raise UserError(f"kagglehub downloaded to {folder}, where there is no folder data")
    return archive


def _center(picture: Image.Image) -> Image.Image:
    """Pads with white, or crops, about the centre, to 512x512 pixels."""
    width, height = picture.size
    if (width, height) == (_SIDE, _SIDE):
        return picture
    left, top = (_SIDE - width) // 2, (_SIDE - height) // 2
    square = Image.new("RGB", (_SIDE, _SIDE), "white")
    square.paste(picture, (left, top))
    return square
