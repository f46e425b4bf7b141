"""People: the sketch is the picture without its colours, and validation shows unseen people."""

import random
import re

import numpy as np
import pytest

from s2c_jax.datasets.characters import characters, colors, figures, pictures
from s2c_jax.datasets.svg import render


@pytest.fixture(scope="module")
def drawn():
    """Sketches and colour pictures, in [0, 255]."""
    files = [pictures.draw(random.Random(seed), held_out=False) for seed in range(24)]
    return [(render(sketch, 128), render(color, 128)) for sketch, color in files]


def test_a_sketch_is_black_on_white(drawn):
    for sketch, _ in drawn:
        assert np.ptp(sketch, axis=-1).max() <= 2
        assert (sketch > 200).mean() > 0.6
        assert (sketch < 50).mean() > 0.003


def test_a_picture_is_coloured_under_the_sketchs_lines(drawn):
    for sketch, color in drawn:
        assert np.ptp(color, axis=-1).max() > 40
        # Where the sketch has ink, the picture is as dark.
        assert color[(sketch < 30).all(axis=-1)].mean() < 60


def test_a_seed_decides_a_picture():
    first, again, other = (
        pictures.draw(random.Random(seed), held_out=False) for seed in ("a", "a", "b")
    )
    assert first == again
    assert first != other


@pytest.mark.parametrize("name", figures.STYLES)
def test_a_tenth_of_hair_styles_and_faces_is_held_out(name):
    style = figures.STYLES[name]
    for component in (style.hair, style.face):
        every = set(figures._definition(name)["components"][component]["variants"])
        held_out = set(figures.held_out_variants(name, component))
        others = set(figures._other_variants(name)[component])
        assert held_out | others == every
        assert not held_out & others
        assert 1 <= len(held_out) <= max(1, 0.15 * len(every))


def test_a_style_uses_only_slots_that_it_has():
    for name, style in figures.STYLES.items():
        slots = figures._definition(name)["colors"]
        assert set(style.kinds) | set(style.outlined) <= set(slots), name
        for kind in style.kinds.values():
            assert kind in colors.draw_colors(random.Random(0), "x")


def test_a_hair_style_has_three_hair_colors_of_its_own(monkeypatch):
    monkeypatch.setattr(colors, "_vary", lambda _, color: color)

    def hair(style):
        return {colors.draw_colors(random.Random(seed), style)["hair"] for seed in range(60)}

    assert len(hair("lorelei/variant01")) == len(hair("lorelei/variant02")) == 3
    assert hair("lorelei/variant01") != hair("lorelei/variant02")


def test_shadow_is_darker():
    for color in ("#ffe3d0", "#1d1a1f", "#58b388"):
        assert re.fullmatch("#[0-9a-f]{6}", colors.shadow(color))
        assert colors.luma(colors.shadow(color)) < colors.luma(color)


def test_licences_name_author_and_licence_of_every_style():
    licences = figures.licences()
    assert licences.keys() == figures.STYLES.keys()
    assert all(re.search(r" by .+, CC", text) for text in licences.values())


@pytest.mark.slow(reason="starts the processes that draw")
def test_the_builder_writes_the_pairs_that_the_names_decide(tmp_path, monkeypatch):
    monkeypatch.setattr(characters, "_COUNTS", {"train": 3, "validation": 2})
    builder = characters.Characters(config="64", data_dir=str(tmp_path))
    builder.download_and_prepare()
    for split, count in (("train", 3), ("validation", 2)):
        examples = list(builder.as_data_source(split))
        assert len(examples) == count
        for example in examples:
            name = example["id"].decode()
            assert name.startswith(split)
            sketch, color = pictures.draw_pair(name, 64)
            np.testing.assert_array_equal(example["sketch"], sketch)
            np.testing.assert_array_equal(example["color"], color)
