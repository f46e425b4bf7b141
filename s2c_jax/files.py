"""Files that appear complete or not at all."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from s2c_jax.errors import UserError


@contextlib.contextmanager
def partial_file(path: Path) -> Iterator[Path]:
    """Yields a path beside `path`, and moves the file that the context creates there to `path`.

    An error within the context removes the partial file and leaves an earlier file as it was.
    """
    partial = path.with_name(path.name + ".partial")
    try:
        yield partial
        partial.replace(path)
    except BaseException:
        # Keep the first error: removal can fail as well, such as below a path that is no folder.
        with contextlib.suppress(OSError):
            partial.unlink()
        raise


def write_whole(path: Path, data: bytes) -> None:
    """Writes a complete file, or raises OSError and leaves an earlier file as it was."""
    with partial_file(path) as partial:
        partial.write_bytes(data)


@contextlib.contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turns an OSError raised within into a UserError that names the path."""
    try:
        yield
    except OSError as error:
        raise UserError(f"{path}: cannot be written ({error.strerror or error})") from None


def check_overwrite(path: Path, overwrite: bool) -> None:
    """Raises a `UserError` if a file exists, unless `overwrite` allows replacing it."""
    if path.exists() and not overwrite:
        raise UserError(f"{path}: exists already; --overwrite replaces it")
