"""The user's files: names, ignored files, and changes."""

import unicodedata

import pytest

from s2c_jax.datasets import own_files
from s2c_jax.errors import UserError


def touch(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)


def test_find_pictures_searches_subfolders_and_names_what_it_ignores(tmp_path, capsys):
    touch(tmp_path, "b.png", "in/a.JPG", "in/deep/c.webp", "x.tif", "y.tif", "notes.txt")
    assert list(own_files.find_pictures(tmp_path)) == ["b", "in/a", "in/deep/c"]
    own_files.name_ignored(tmp_path)
    (line,) = capsys.readouterr().err.splitlines()
    assert line.endswith("files that are not read: 2 .tif, 1 .txt")


def test_find_pictures_skips_hidden_files_and_folders_silently(tmp_path, capsys):
    touch(tmp_path, "a.png", "._a.png", ".DS_Store", ".thumbs/b.png", "__MACOSX/._c.png")
    assert list(own_files.find_pictures(tmp_path)) == ["a"]
    own_files.name_ignored(tmp_path)
    assert capsys.readouterr().err == ""


def test_find_pictures_composes_names(tmp_path):
    touch(tmp_path, unicodedata.normalize("NFD", "Ärger.png"))
    assert list(own_files.find_pictures(tmp_path)) == [unicodedata.normalize("NFC", "Ärger")]


def test_two_pictures_of_the_same_name_are_refused(tmp_path):
    touch(tmp_path, "in/a.png", "in/a.jpg")
    with pytest.raises(UserError, match=r"a\.png and a\.jpg have the same name"):
        own_files.find_pictures(tmp_path)


def test_differences_counts_new_gone_and_changed_files(tmp_path):
    touch(tmp_path, "a.png", "b.png", "c.png")
    paths = [tmp_path / name for name in ("a.png", "b.png", "c.png")]
    old = own_files.fingerprints(tmp_path, paths)
    assert own_files.differences(old, own_files.fingerprints(tmp_path, paths)) == ""
    (tmp_path / "b.png").write_text("other contents")
    touch(tmp_path, "d.png")
    new = own_files.fingerprints(tmp_path, [*paths[1:], tmp_path / "d.png"])
    assert own_files.differences(old, new) == "1 new, 1 gone, 1 changed"
