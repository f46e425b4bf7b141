"""The user's own picture files: which there are, their names, and whether they have changed."""

import collections
import unicodedata
from collections.abc import Iterable
from pathlib import Path

from s2c_jax.drawing import image_files
from s2c_jax.errors import UserError, print_error

# What identifies a file's contents without reading it: its size in bytes, and the time of its last
# change in nanoseconds.
Fingerprints = dict[str, list[int]]


def find_pictures(folder: Path) -> dict[str, Path]:
    """Finds the pictures of a folder and its subfolders.

    Returns:
        The paths by name, sorted: the path within the folder, with "/" and without suffix, in
        Unicode's composed form (NFC), since file systems keep one name in several forms. Hidden
        files and folders are not searched.

    Raises:
        UserError: the folder is missing, or two pictures have the same name.
    """
    if not folder.is_dir():
        raise UserError(f"there is no folder {folder}")
    found: dict[str, Path] = {}
    for path in _visible_files(folder):
        if _is_picture(path):
            name = _name_inside(folder, path.with_suffix(""))
            if name in found:
                raise UserError(
                    f"{path} and {found[name].name} have the same name: rename one of them"
                )
            found[name] = path
    return found


def name_ignored(folder: Path) -> None:
    """Prints how many files of a folder are no pictures that are read, by suffix."""
    ignored = collections.Counter(
        path.suffix.lower() or path.name for path in _visible_files(folder) if not _is_picture(path)
    )
    if ignored:
        kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(ignored.items()))
        print_error(f"{folder}: files that are not read: {kinds}")


def fingerprints(folder: Path, paths: Iterable[Path]) -> Fingerprints:
    """Returns what tells whether files have changed, by their paths within the folder."""
    found = {}
    for path in paths:
        status = path.stat()
        found[_name_inside(folder, path)] = [status.st_size, status.st_mtime_ns]
    return found


def differences(old: Fingerprints, new: Fingerprints) -> str:
    """Returns what has changed, such as "2 new, 1 changed"; "" if nothing has."""
    changed = sum(new[path] != old[path] for path in old.keys() & new.keys())
    counts = {
        "new": len(new.keys() - old.keys()),
        "gone": len(old.keys() - new.keys()),
        "changed": changed,
    }
    return ", ".join(f"{count} {what}" for what, count in counts.items() if count)


def _visible_files(folder: Path) -> list[Path]:
    """Returns the files of a folder and its subfolders that are not hidden, sorted."""
    return [
        path
        for path in sorted(folder.rglob("*"))
        if path.is_file()
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    ]


def _is_picture(path: Path) -> bool:
    return path.suffix.lower() in image_files.SUFFIXES


def _name_inside(folder: Path, path: Path) -> str:
    return unicodedata.normalize("NFC", path.relative_to(folder).as_posix())
