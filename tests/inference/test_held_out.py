"""Colouring validation pairs of the run's own data set."""

import numpy as np
import pytest

from s2c_jax import config as config_lib
from s2c_jax.datasets import input_pipeline
from s2c_jax.drawing import image_files
from s2c_jax.errors import UserError
from s2c_jax.inference.colorizer import Colorizer
from s2c_jax.inference.held_out import colorize_held_out


def test_held_out_pairs_are_coloured_and_laid_out_on_a_sheet(workdir, colorizer, tmp_path, capsys):
    out = tmp_path / "out"
    colorize_held_out(colorizer, workdir, 3, out, overwrite=False)
    assert capsys.readouterr().out.strip().endswith(str(out / "sheet.png"))
    assert sorted(path.name for path in out.iterdir()) == [
        "held_out_0001.png",
        "held_out_0002.png",
        "held_out_0003.png",
        "sheet.png",
    ]
    assert image_files.read(out / "sheet.png").width > 3 * 128
    config = config_lib.load(workdir / "config.json")
    source = input_pipeline.open_split(
        config.dataset.name, config.image_size, "validation", config.dataset.data_dir
    )
    pairs = input_pipeline.read_pairs(source, range(3))
    for number, square in enumerate(colorizer.colorize_squares(pairs["sketch"]), start=1):
        written = image_files.read(out / f"held_out_{number:04d}.png")
        np.testing.assert_array_equal(np.asarray(written), square)


def test_existing_files_are_refused_before_anything_is_coloured(
    workdir, colorizer, tmp_path, monkeypatch
):
    monkeypatch.delattr(Colorizer, "colorize_squares")
    (tmp_path / "held_out_0002.png").write_text("mine")
    with pytest.raises(UserError, match=r"held_out_0002\.png: exists already"):
        colorize_held_out(colorizer, workdir, 3, tmp_path, overwrite=False)
    assert [path.name for path in tmp_path.iterdir()] == ["held_out_0002.png"]


def test_held_out_pictures_replace_files_with_overwrite(workdir, colorizer, tmp_path):
    (tmp_path / "held_out_0002.png").write_text("mine")
    colorize_held_out(colorizer, workdir, 3, tmp_path, overwrite=True)
    assert image_files.read(tmp_path / "held_out_0002.png").size == (64, 64)


def test_output_folder_that_cannot_be_written_is_named(workdir, colorizer, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=r"file: cannot be written"):
        colorize_held_out(colorizer, workdir, 1, tmp_path / "file", overwrite=False)
