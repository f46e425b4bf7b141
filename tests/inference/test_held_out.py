"""Colouring validation pairs of the run's own data set."""

import numpy as np
import pytest
from PIL import Image

from s2c_jax import config as config_lib
from s2c_jax.datasets import input_pipeline
from s2c_jax.drawing import image_files, sheets
from s2c_jax.errors import UserError
from s2c_jax.inference.colorizer import Colorizer
from s2c_jax.inference.held_out import colorize_held_out, paint_hints


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


def test_the_sheet_of_a_guided_network_shows_hints_palettes_and_what_becomes_of_them(
    guided_workdir, guided_colorizer, tmp_path, capsys, monkeypatch
):
    shown = {}

    def sheet(columns, titles, **layout):
        shown.update(zip(titles, columns, strict=True), **layout)
        return Image.new("RGB", (8, 8))

    asked = []
    colorize_squares = guided_colorizer.colorize_squares

    def ask(sketches, hints=None, palettes=None):
        asked.append({k: v for k, v in (("hints", hints), ("palettes", palettes)) if v is not None})
        return colorize_squares(sketches, hints, palettes)

    monkeypatch.setattr(sheets, "sheet", sheet)
    monkeypatch.setattr(guided_colorizer, "colorize_squares", ask)
    colorize_held_out(guided_colorizer, guided_workdir, 2, tmp_path, overwrite=False)
    printed = capsys.readouterr().out
    assert "sketch | coloured | 12 hints | with hints | with its palette | truth" in printed
    assert len(shown) == 7
    # The network was given the hints that the sheet shows, and the palettes of the pairs.
    alone, hinted, palettes = asked
    assert alone == {}
    painted = np.stack(hinted["hints"])
    drawn = painted[..., 3] > 0
    np.testing.assert_array_equal(shown["12 hints"][drawn], painted[drawn][:, :3])
    assert [given.shape for given in palettes["palettes"]] == [(4, 4, 4)] * 2
    # Hints are marks in colours near the truth's, on the pale sketch.
    marked = np.ptp(shown["12 hints"], axis=-1) > 40
    assert 0 < marked.mean() < 0.5
    assert np.ptp(shown["truth"][marked], axis=-1).mean() > 40


def test_more_hints_include_fewer():
    sketches = np.full((2, 64, 64, 3), 255, np.uint8)
    truths = np.random.default_rng(0).integers(0, 256, sketches.shape, np.uint8)
    one, five = (paint_hints(sketches, truths, count) for count in (1, 5))
    assert set(np.unique(five[..., 3])) == {0, 255}
    assert not five[five[..., 3] == 0].any()
    marked = one[..., 3] > 0
    assert 0 < marked.sum() < (five[..., 3] > 0).sum()
    assert (five[marked][:, 3] == 255).all()
