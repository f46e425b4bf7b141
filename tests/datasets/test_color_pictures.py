"""Colour pictures alone become pairs; every mistake is named in one go."""

import numpy as np
import pytest
import tensorflow_datasets as tfds
from PIL import Image, ImageDraw

from s2c_jax.datasets.__main__ import main
from tests.support.commands import failure_of


def picture(seed, size=(96, 96)):
    """A disc of one colour with a black outline, on another colour."""
    colors = np.random.default_rng(seed).integers(60, 256, (2, 3))
    drawn = Image.new("RGB", size, tuple(map(int, colors[0])))
    box = (0.2 * size[0], 0.2 * size[1], 0.8 * size[0], 0.8 * size[1])
    ImageDraw.Draw(drawn).ellipse(box, fill=tuple(map(int, colors[1])), outline=0, width=3)
    return drawn


@pytest.fixture
def folder(tmp_path):
    for i in range(12):
        path = tmp_path / "mine" / ("a", "b/c")[i % 2] / f"{i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        picture(i).save(path)
    return tmp_path / "mine"


def prepare(folder, *arguments):
    main(
        ["color_pictures/64", "--manual_dir", str(folder), "--data_dir",
         str(folder.parent / "data"), *arguments]
    )  # fmt: skip


def pairs_of(folder):
    builder = tfds.builder("color_pictures/64", data_dir=folder.parent / "data")
    return {
        example["id"].decode(): example
        for split in ("train", "validation")
        for example in builder.as_data_source(split)
    }


def test_pictures_of_all_subfolders_become_pairs_with_lines(folder, capsys):
    prepare(folder)
    printed = capsys.readouterr()
    assert "color_pictures/64: " in printed.out
    assert printed.err == ""
    pairs = pairs_of(folder)
    assert sorted(pairs) == sorted(f"{('a', 'b/c')[i % 2]}/{i}" for i in range(12))
    for name, pair in pairs.items():
        expected = picture(int(name.rpartition("/")[2])).resize((64, 64), Image.Resampling.LANCZOS)
        np.testing.assert_array_equal(pair["color"], np.asarray(expected))
        level = pair["sketch"].mean(axis=-1)
        # The sketch has darker lines at the disc's outline than in the disc's middle.
        assert level[12:16, 32].min() < level[28:36, 28:36].mean() - 20


def test_a_second_preparation_gives_the_same_sketches(folder):
    prepare(folder)
    first = pairs_of(folder)
    prepare(folder, "--overwrite")
    for name, pair in pairs_of(folder).items():
        np.testing.assert_array_equal(pair["sketch"], first[name]["sketch"])


def test_crop_cuts_long_pictures_into_squares_of_the_same_split(folder):
    for path in folder.rglob("*.png"):
        path.unlink()
    for i in range(6):
        picture(i, (200, 80)).save(folder / f"{i}.png")
    prepare(folder, "--crop")
    builder = tfds.builder("color_pictures/64", data_dir=folder.parent / "data")
    names = {
        split: {
            example["id"].decode().partition("#")[0] for example in builder.as_data_source(split)
        }
        for split in ("train", "validation")
    }
    assert not names["train"] & names["validation"]
    pairs = pairs_of(folder)
    assert len(pairs) == 18
    whole = np.asarray(picture(0, (200, 80)).crop((60, 0, 140, 80)).resize((64, 64), 1))
    np.testing.assert_array_equal(pairs["0#1"]["color"], whole)


def test_another_choice_of_crop_is_noticed(folder):
    prepare(folder)
    assert "was prepared without --crop: give the same flag" in failure_of(
        prepare, folder, "--crop"
    )
    prepare(folder, "--crop", "--overwrite")
    assert "was prepared with --crop" in failure_of(prepare, folder)


def test_changed_files_are_noticed_and_overwrite_prepares_them(folder):
    prepare(folder)
    picture(99).save(folder / "new.png")
    assert "not those that were prepared (1 new): add --overwrite" in failure_of(prepare, folder)
    prepare(folder, "--overwrite")
    assert "new" in pairs_of(folder)


def test_all_pictures_that_cannot_be_used_are_named_in_one_go(folder, capsys):
    Image.new("RGB", (96, 96), "gray").save(folder / "flat.png")
    picture(1).convert("L").save(folder / "grey.png")
    (folder / "text.png").write_text("no picture")
    assert "3 of 15 pairs cannot be made, more than 1%" in failure_of(prepare, folder)
    errors = capsys.readouterr().err
    for line in ("flat.png: the picture is all one colour", "grey.png: the picture has no colours",
                 "text.png: not a PNG"):  # fmt: skip
        assert line in errors


def test_files_that_are_not_read_are_named_once(folder, capsys):
    (folder / "notes.txt").write_text("no picture")
    prepare(folder)
    assert capsys.readouterr().err.count("files that are not read: 1 .txt") == 1


def test_a_folder_without_pictures_is_named(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("no picture")
    assert "holds no .png, .jpg" in failure_of(prepare, tmp_path / "mine")


def test_crop_is_refused_for_other_data_sets(tmp_path):
    (tmp_path / "x").touch()
    arguments = ["folder_pairs/64", "--manual_dir", str(tmp_path), "--crop"]
    assert failure_of(main, arguments).endswith("folder_pairs does not crop: leave out --crop")
