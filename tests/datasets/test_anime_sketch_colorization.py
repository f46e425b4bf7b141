"""Kaggle's archive: all its layouts are prepared, damaged files are named and left out."""

import io
import json
import signal
import subprocess
import sys
import types
import zipfile

import numpy as np
import pytest
import tensorflow_datasets as tfds
from PIL import Image

from s2c_jax.datasets import input_pipeline, pairs
from s2c_jax.datasets.__main__ import main
from s2c_jax.datasets.anime_sketch_colorization import archive
from s2c_jax.drawing import palette
from s2c_jax.errors import UserError
from tests.support.commands import ROOT, failure_of

NAME = "anime_sketch_colorization/128"
SIDE = 40


def png(picture):
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "PNG")
    return buffer.getvalue()


def pair(i, side=SIDE):
    """Returns a colour picture, whose colour depends on `i`, and its sketch."""
    color = np.full((side, side, 3), (2 * i % 256, 200, 30), np.uint8)
    sketch = np.full((side, side, 3), 255, np.uint8)
    color[side // 4 : side // 2, side // 4 : side // 2] = 10
    sketch[side // 4 : side // 2, side // 4] = 0
    return color, sketch


def colorgram(i):
    return {str(b): {str(c): [i % 256, b, c] for c in range(1, 5)} for b in range(1, 5)}


def archive_files(count):
    """Returns the files of `count` pairs; a fifth is for validation, a tenth lacks a colorgram."""
    files = {}
    for i in range(count):
        folder = "val" if i % 5 == 0 else "train"
        files[f"data/{folder}/{i}.png"] = png(np.concatenate(pair(i), axis=1))
        if i % 10:
            files[f"data/colorgram/{i}.json"] = json.dumps(colorgram(i)).encode()
    return files


def write_folder(folder, files):
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)


def write_zip(path, files, prefix=""):
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in files.items():
            file.writestr(prefix + name, content)
            file.writestr(f"__MACOSX/{prefix}{name}", b"")


def prepare(folder, *arguments):
    main([NAME, "--manual_dir", str(folder), "--data_dir", str(folder / "prepared"), *arguments])


def examples(folder, split):
    builder = tfds.builder(NAME, data_dir=folder / "prepared")
    return {example["id"].decode(): example for example in builder.as_data_source(split)}


def failure(*arguments):
    return failure_of(prepare, *arguments)


@pytest.mark.parametrize(
    "layout",
    [
        "zip",
        "browser's zip",
        "zip of dots",
        "zip of a folder",
        "folder",
        "folder of the zip's name",
    ],
)
def test_all_layouts_of_the_archive_give_the_same_pairs(tmp_path, layout):
    files = archive_files(20)
    match layout:
        case "zip":
            write_zip(tmp_path / "anime-sketch-colorization-pair.zip", files)
        case "browser's zip":
            write_zip(tmp_path / "archive.zip", files)
        case "zip of dots":
            write_zip(tmp_path / "archive.zip", files, "./")
        case "zip of a folder":
            write_zip(tmp_path / "anime-sketch-colorization-pair.zip", files, "metadata/")
        case "folder":
            write_folder(tmp_path, files)
        case _:
            write_folder(tmp_path / "anime-sketch-colorization-pair", files)
    prepare(tmp_path)
    train, validation = examples(tmp_path, "train"), examples(tmp_path, "validation")
    assert sorted(validation) == sorted(str(i) for i in range(0, 20, 5))
    assert sorted(train | validation) == sorted(str(i) for i in range(20))
    for name, example in (train | validation).items():
        color, sketch = (np.asarray(archive._center(Image.fromarray(p))) for p in pair(int(name)))
        for key, picture in (("color", color), ("sketch", sketch)):
            expected = Image.fromarray(picture).resize((128, 128), Image.Resampling.LANCZOS)
            np.testing.assert_array_equal(example[key], expected)
        if int(name) % 10:
            expected = palette.parse(json.dumps(colorgram(int(name))).encode())
        else:
            expected = palette.extract(color)
        np.testing.assert_array_equal(example["palette"], expected)
    metadata = tfds.builder(NAME, data_dir=tmp_path / "prepared").info.metadata
    assert sorted(metadata["palette_computed"]) == ["0", "10"]
    assert metadata["left_out"] == {}


@pytest.mark.parametrize("size", [(1024, 512), (1025, 512), (1023, 512), (900, 450), (1300, 650)])
def test_split_halves_pads_or_crops_about_the_centre(size):
    width, height = size
    half = width // 2
    both = np.zeros((height, width, 3), np.uint8)
    both[:, :half] = (255, 0, 0)
    both[:, width - half :] = (0, 255, 0)
    both[height // 2, half // 2] = (1, 2, 3)
    both[height // 2, width - half + half // 2] = (4, 5, 6)
    color, sketch = (np.asarray(x) for x in archive.split_halves(png(both), "x.png"))
    for picture, main_color, center in ((color, 255, (1, 2, 3)), (sketch, 0, (4, 5, 6))):
        assert picture.shape == (512, 512, 3)
        rows, columns = np.nonzero((picture == center).all(axis=-1))
        assert abs(rows[0] - 256) <= 1
        assert abs(columns[0] - 256) <= 1
        padded = (picture == 255).all(axis=-1).sum()
        assert padded == 512 * 512 - min(half, 512) * min(height, 512)
        assert (picture[..., 0] == main_color).sum() >= min(half, 512) * min(height, 512) - 1


BROKEN = {
    "not decodable": b"\x89PNG\r\n\x1a\n and no more",
    "truncated": png(np.random.default_rng(0).integers(0, 256, (40, 80, 3), np.uint8))[:-500],
    "not a picture": b"hello",
    "a single pixel": png(np.zeros((1, 1, 3), np.uint8)),
    "a single square": png(pair(0)[0]),
    "three squares": png(np.concatenate([*pair(0), pair(0)[0]], axis=1)),
    "no sketch": png(np.concatenate([pair(0)[0], np.full((SIDE, SIDE, 3), 255, np.uint8)], axis=1)),
}


def test_files_without_a_pair_are_named_counted_and_left_out(tmp_path, capsys, monkeypatch):
    # With the share of 1% the seven broken files would need 700 files.
    monkeypatch.setattr(pairs, "MAX_LEFT_OUT", 0.05)
    files = archive_files(140)
    for i, content in enumerate(BROKEN.values()):
        files[f"data/train/{5 * i + 1}.png"] = content
    # Instead of a damaged colorgram the picture's own palette is computed.
    files["data/colorgram/2.json"] = b"{"
    write_zip(tmp_path / "archive.zip", files)
    prepare(tmp_path)
    captured = capsys.readouterr()
    broken = {str(5 * i + 1) for i in range(len(BROKEN))}
    assert not broken & examples(tmp_path, "train").keys()
    assert len(examples(tmp_path, "train")) == 112 - len(BROKEN)
    metadata = tfds.builder(NAME, data_dir=tmp_path / "prepared").info.metadata
    assert metadata["left_out"].keys() == {f"data/train/{name}.png" for name in broken}
    assert "2" in metadata["palette_computed"]
    assert len(metadata["palette_computed"]) == 15
    for name in broken:
        assert f"left out data/train/{name}.png: " in captured.err
    assert "left out 7 files that hold no pair (data/train/1.png, " in captured.out
    assert "15 palettes computed" in captured.out
    # A data set that is prepared already prints the same summary.
    prepare(tmp_path)
    assert "left out 7 files" in capsys.readouterr().out


def test_a_damaged_zip_member_is_left_out(tmp_path, capsys):
    files = archive_files(100)
    path = tmp_path / "archive.zip"
    write_zip(path, files)
    with zipfile.ZipFile(path) as file:
        start = file.getinfo("data/train/1.png").header_offset
    content = bytearray(path.read_bytes())
    content[start + 60 : start + 64] = b"\0\0\0\0"
    path.write_bytes(content)
    prepare(tmp_path)
    assert "left out data/train/1.png: cannot be read" in capsys.readouterr().err


def test_too_many_files_without_a_pair_fail_and_leave_no_records(tmp_path):
    files = archive_files(100)
    for i in (1, 2):
        files[f"data/train/{i}.png"] = b"hello"
    write_folder(tmp_path, files)
    message = failure(tmp_path)
    assert "2 files so far hold no pair, more than 1% of all" in message
    assert "data/train/1.png: not a PNG" in message
    assert "data/train/2.png: not a PNG" in message
    assert not list(tmp_path.glob("prepared/**/*record*"))
    with pytest.raises(UserError, match="is not prepared"):
        input_pipeline.open_split(NAME.split("/")[0], 128, "train", str(tmp_path / "prepared"))
    write_folder(tmp_path, archive_files(100))
    prepare(tmp_path)
    assert len(examples(tmp_path, "train")) == 80


@pytest.mark.slow(reason="prepares in a process of its own, which imports TFDS and JAX")
def test_a_killed_preparation_starts_again(tmp_path):
    write_folder(tmp_path, archive_files(100))
    script = f"""
import os, signal
from s2c_jax.datasets import AnimeSketchColorization
from s2c_jax.datasets.__main__ import main
make, made = AnimeSketchColorization.make, []
def make_or_die(self, source):
    made.append(source)
    if len(made) == 95:
        os.kill(os.getpid(), signal.SIGKILL)
    return make(self, source)
AnimeSketchColorization.make = make_or_die
main([{NAME!r}, "--manual_dir", {str(tmp_path)!r}, "--data_dir", {str(tmp_path / "prepared")!r}])
"""
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, timeout=120
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    with pytest.raises(UserError, match="is not prepared"):
        input_pipeline.open_split(NAME.split("/")[0], 128, "train", str(tmp_path / "prepared"))
    prepare(tmp_path)
    assert len(examples(tmp_path, "train")) == 80
    assert len(examples(tmp_path, "validation")) == 20


def test_a_missing_archive_error_names_the_steps_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "kagglehub", None)
    assert f"the folder {tmp_path} is empty" in failure(tmp_path)
    # The archive of another data set does not count.
    write_zip(tmp_path / "archive.zip", {"mnist/1.png": b""})
    message = failure(tmp_path)
    assert f"Kaggle's archive is not in {tmp_path}" in message
    for part in ("https://www.kaggle.com/datasets/ktaebum/anime-sketch-colorization-pair",
                     "anime-sketch-colorization-pair.zip", "--manual_dir",
                     "pip install 's2c_jax[kaggle]'", "kagglehub.login()"):  # fmt: skip
        assert part in message

    def refuse(_):
        raise RuntimeError("401\nUnauthorized")

    monkeypatch.setitem(sys.modules, "kagglehub", types.SimpleNamespace(dataset_download=refuse))
    assert "could not download it (401 Unauthorized)" in failure(tmp_path)


def test_kagglehub_downloads_a_missing_archive(tmp_path, monkeypatch):
    asked = []

    def download(handle):
        asked.append(handle)
        write_folder(tmp_path / "cache", archive_files(20))
        return str(tmp_path / "cache")

    monkeypatch.setitem(sys.modules, "kagglehub", types.SimpleNamespace(dataset_download=download))
    (tmp_path / "something else").mkdir()
    prepare(tmp_path)
    assert asked == ["ktaebum/anime-sketch-colorization-pair"]
    assert len(examples(tmp_path, "train")) == 16


def test_a_truncated_zip_and_an_empty_split_are_named(tmp_path):
    path = tmp_path / "archive.zip"
    write_zip(path, archive_files(20))
    path.write_bytes(path.read_bytes()[:-100])
    assert "archive.zip is not a complete zip file" in failure(tmp_path)
    write_zip(path, {k: v for k, v in archive_files(20).items() if "/val/" not in k})
    assert "holds no data/val/*.png" in failure(tmp_path)


def test_a_split_whose_files_are_all_damaged_is_named(tmp_path):
    files = {name: content for name, content in archive_files(150).items() if "/val/" not in name}
    write_folder(tmp_path, files | {"data/val/0.png": b"hello"})
    assert "holds no pair in data/val" in failure(tmp_path)


def test_train_batches_reads_the_prepared_pairs(tmp_path):
    write_folder(tmp_path, archive_files(20))
    prepare(tmp_path)
    source = input_pipeline.open_split(NAME.split("/")[0], 128, "train", str(tmp_path / "prepared"))
    batches = input_pipeline.train_batches(source, batch_size=8, seed=0, num_threads=1)
    assert next(batches)["color"].shape == (8, 1, 128, 128, 3)
    batches.close()
    with pytest.raises(UserError, match="has 128, 256, 512 pixels only"):
        input_pipeline.open_split(NAME.split("/")[0], 64, "train")
