"""The user's own pairs: they are letterboxed, and every mistake is named."""

import numpy as np
import pytest
import tensorflow_datasets as tfds
from PIL import Image

from s2c_jax.datasets.__main__ import main
from tests.support.commands import failure_of

NAMES = [f"drawing {i}" for i in range(40)]


@pytest.fixture
def folder(tmp_path):
    for kind, color in (("sketch", "black"), ("color", "red")):
        (tmp_path / kind).mkdir()
        for i, name in enumerate(NAMES):
            suffix = (".png", ".webp")[i % 2]
            Image.new("RGB", (100, 50), color).save(tmp_path / kind / f"{name}{suffix}")
    (tmp_path / "sketch" / "notes.txt").write_text("not a picture")
    return tmp_path


def failure(*arguments):
    return failure_of(main, [str(argument) for argument in arguments])


def test_pairs_are_letterboxed_on_white(folder, capsys):
    data_dir = folder / "data"
    arguments = ["folder_pairs/64", "--data_dir", str(data_dir), "--manual_dir", str(folder)]
    main(arguments)
    assert "pairs in" in capsys.readouterr().out
    builder = tfds.builder("folder_pairs/64", data_dir=data_dir)
    found = [
        example for split in ("train", "validation") for example in builder.as_data_source(split)
    ]
    assert sorted(example["id"].decode() for example in found) == sorted(NAMES)
    for example in found:
        assert example["sketch"].shape == (64, 64, 3)
        assert (example["color"][:16] == 255).all()
        np.testing.assert_allclose(example["color"][32, 32], [255, 0, 0], atol=3)
        np.testing.assert_allclose(example["sketch"][32, 32], [0, 0, 0], atol=3)
    # A prepared data set does not need its files any more.
    main(arguments[:-2])


def test_missing_folders_and_equal_names_are_named(folder):
    command = ["folder_pairs/64", "--data_dir", folder / "data"]
    assert "needs --manual_dir" in failure(*command)
    assert "there is no folder" in failure(*command, "--manual_dir", folder / "sketch")
    assert "no folder" in failure(*command, "--manual_dir", folder / "none")
    (folder / "sketch" / "drawing 0.jpg").write_bytes(b"")
    assert "have the same name" in failure(*command, "--manual_dir", folder)


def test_all_bad_pairs_are_named_in_one_go(folder, capsys):
    (folder / "sketch" / "lonely.png").write_bytes(b"")
    for kind, size in (("sketch", 8), ("color", 9)):
        (folder / kind / "text.png").write_bytes(b"no picture")
        Image.new("RGB", (size, size)).save(folder / kind / "unequal.png")
    message = failure("folder_pairs/64", "--data_dir", folder / "data", "--manual_dir", folder)
    assert "3 of 43 pairs cannot be made, more than 1% (named above)" in message
    lines = capsys.readouterr().err
    for reason in ("has a picture 'lonely'", "text.png: not a PNG", "unequal.png 9x9: make them"):
        assert reason in lines


def test_a_bad_pair_in_a_hundred_is_left_out(tmp_path, capsys):
    for kind in ("sketch", "color"):
        (tmp_path / kind).mkdir()
        for i in range(100):
            Image.new("RGB", (8, 8), (i, 0, 0)).save(tmp_path / kind / f"{i}.png")
    (tmp_path / "color" / "7.png").write_bytes(b"no picture")
    main(["folder_pairs/64", "--data_dir", str(tmp_path / "data"), "--manual_dir", str(tmp_path)])
    assert "left out 1 pairs that cannot be made" in capsys.readouterr().out
    builder = tfds.builder("folder_pairs/64", data_dir=tmp_path / "data")
    assert sum(info.num_examples for info in builder.info.splits.values()) == 99
    assert list(builder.info.metadata["left_out"]) == ["7"]


def test_a_few_pairs_hold_out_at_least_one(tmp_path, capsys):
    for kind in ("sketch", "color"):
        (tmp_path / kind).mkdir()
        for i in range(28):
            Image.new("RGB", (8, 8)).save(tmp_path / kind / f"IMG_{i + 1:04d}.png")
    main(["folder_pairs/64", "--data_dir", str(tmp_path / "data"), "--manual_dir", str(tmp_path)])
    assert "27 train, 1 validation pairs" in capsys.readouterr().out


def test_a_single_pair_is_refused(tmp_path):
    for kind in ("sketch", "color"):
        (tmp_path / kind).mkdir()
        Image.new("RGB", (8, 8)).save(tmp_path / kind / "one.png")
    message = failure("folder_pairs/64", "--data_dir", tmp_path / "data", "--manual_dir", tmp_path)
    assert "1 pictures are too few to hold one out: add some" in message


def test_an_unwritable_data_dir_is_named(folder):
    (folder / "file").write_text("")
    message = failure(
        "folder_pairs/64", "--data_dir", folder / "file" / "x", "--manual_dir", folder
    )
    assert "take another data_dir" in message
