"""Files that appear complete or not at all."""

import contextlib
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def partial_file(path: Path) -> Iterator[Path]:
    """Writes a file beside its place, and moves it there at the end.

    An error within the context removes the partial file and leaves an earlier file as it was.

    Args:
        path: the complete file's place.

    Yields:
        The partial file's path, which the context must create: `path` with ".partial" appended.

    Raises:
        OSError: the partial file cannot be moved.
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
    """Writes a complete file, or leaves an earlier file as it was.

    Raises:
        OSError: the file cannot be written.
    """
    with partial_file(path) as partial:
        partial.write_bytes(data)
