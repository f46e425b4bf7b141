"""A file appears complete or not at all, on any operating system."""

import subprocess
import sys

import pytest

from s2c_jax.errors import UserError
from s2c_jax.files import check_overwrite, partial_file, write_whole, writing
from tests.support.commands import ROOT

# Modules that colour, draw and read pictures; they import nothing that only POSIX systems have.
PORTABLE = (
    "s2c_jax.colorize", "s2c_jax.export.__main__", "s2c_jax.web.__main__", "s2c_jax.inference",
    "s2c_jax.inference.batches", "s2c_jax.inference.onnx_backend", "s2c_jax.drawing.compositing",
    "s2c_jax.drawing.layered_files", "s2c_jax.drawing.preparation", "s2c_jax.drawing.sheets",
    "s2c_jax.datasets", "s2c_jax.datasets.input_pipeline", "s2c_jax.datasets.__main__",
    "s2c_jax.evaluate", "s2c_jax.main",
)  # fmt: skip


def test_write_whole_replaces_a_file(tmp_path):
    path = tmp_path / "file"
    for data in (b"first", b"second"):
        write_whole(path, data)
        assert path.read_bytes() == data
    assert list(tmp_path.iterdir()) == [path]


def test_partial_file_appears_at_the_end(tmp_path):
    path = tmp_path / "file.npy"
    with partial_file(path) as partial:
        assert partial == tmp_path / "file.npy.partial"
        partial.write_bytes(b"data")
        assert not path.exists()
    assert path.read_bytes() == b"data"
    assert not partial.exists()


@pytest.mark.parametrize("error", [OSError("disk full"), ValueError(), KeyboardInterrupt()])
def test_an_error_removes_the_partial_file_and_keeps_the_earlier_file(tmp_path, error):
    path = tmp_path / "file"
    path.write_bytes(b"earlier")

    def fail_half_way():
        with partial_file(path) as partial:
            partial.write_bytes(b"half")
            raise error

    with pytest.raises(type(error)) as raised:
        fail_half_way()
    assert raised.value is error
    assert path.read_bytes() == b"earlier"
    assert list(tmp_path.iterdir()) == [path]


def test_write_whole_raises_the_first_error_below_a_file(tmp_path):
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(NotADirectoryError):
        write_whole(tmp_path / "file" / "below", b"data")


def test_write_whole_keeps_a_folder_in_its_place(tmp_path):
    (tmp_path / "place").mkdir()
    with pytest.raises(OSError, match="directory"):
        write_whole(tmp_path / "place", b"data")
    assert [path.name for path in tmp_path.iterdir()] == ["place"]


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (OSError(28, "No space left on device"), "No space left on device"),
        (OSError("gone"), "gone"),
    ],
)
def test_writing_names_the_path_and_the_reason(tmp_path, error, reason):
    with pytest.raises(UserError) as raised, writing(tmp_path):
        raise error
    assert str(raised.value) == f"{tmp_path}: cannot be written ({reason})"


def test_check_overwrite_refuses_existing_files_only(tmp_path):
    file = tmp_path / "file"
    check_overwrite(file, overwrite=False)
    file.touch()
    check_overwrite(file, overwrite=True)
    with pytest.raises(UserError, match="/file: exists already; --overwrite replaces it$"):
        check_overwrite(file, overwrite=False)


@pytest.mark.slow(reason="imports JAX and TFDS in a process of its own")
def test_nothing_that_colours_or_reads_needs_posix():
    script = f"""
import importlib, sys
for name in ("fcntl", "grp", "pwd", "resource", "termios"):
    sys.modules[name] = None
for name in {PORTABLE!r}:
    importlib.import_module(name)
"""
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
