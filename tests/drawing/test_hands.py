"""Each hand changes lines in its own way, and the clean hand changes nothing."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.fft

from s2c_jax import config as config_lib
from s2c_jax.drawing import hands

SIDE = 64
DRAW_HAND, SKETCH = jax.jit(hands.draw_hand, static_argnums=1), jax.jit(hands.sketch)


def crossing_lines():
    ink = np.zeros((SIDE, SIDE), np.float32)
    ink[20:22] = ink[44:46] = 1
    ink[:, 30:32] = 1
    return jnp.asarray(ink)


def drawn(name, seed=0, ink=None):
    ink = crossing_lines() if ink is None else ink
    hand = DRAW_HAND(jax.random.key(seed), (name,))
    return np.asarray(SKETCH(jax.random.key(seed + 1), ink, hand))


def darkness(name):
    return np.mean([1 - drawn(name, seed).mean() for seed in range(8)])


def test_config_lists_the_hands():
    assert tuple(hands.HANDS) == config_lib.HANDS


def test_the_clean_hand_draws_black_lines_on_white():
    ink = np.asarray(crossing_lines())
    expected = np.repeat((1 - ink)[..., None], 3, axis=-1)
    np.testing.assert_allclose(drawn("clean"), expected, atol=1e-6)


@pytest.mark.parametrize("name", hands.HANDS)
def test_a_hand_keeps_lines_where_they_were_and_paper_blank_elsewhere(name):
    ink = np.asarray(crossing_lines())
    for seed in range(4):
        sketch = drawn(name, seed)
        assert sketch.shape == (SIDE, SIDE, 3)
        assert sketch.min() >= 0
        assert sketch.max() <= 1
        level = sketch.mean(axis=-1)
        assert level[ink == 1].mean() < level[2:16, 2:26].mean() - 0.1
        # Paper is one tone, apart from a slow shade and JPEG's ripples.
        assert level[2:16, 2:26].std() < 0.06


def test_thin_is_lighter_and_bold_is_darker_than_clean():
    assert darkness("thin") < darkness("clean") < darkness("bold")


def test_faint_thin_lines_survive_every_hand():
    ink = 0.3 * crossing_lines()
    for name in hands.HANDS:
        assert 1 - drawn(name, ink=ink).mean() > 0.1 * float(ink.mean()), name


def test_broken_has_gaps_along_a_line():
    along = np.stack([drawn("broken", seed)[20:22].mean(axis=(0, 2)) for seed in range(8)])
    assert (along > 0.8).mean() > 0.05
    assert (along < 0.2).mean() > 0.3


def test_colored_draws_in_a_hue():
    assert np.ptp(drawn("colored"), axis=-1).max() > 0.05


def test_scan_has_a_tone_of_paper():
    assert drawn("scan")[2:16, 2:26].mean() < 0.99


def test_jpeg_rounds_the_coefficients_of_scipys_cosine_transform():
    picture = np.random.default_rng(0).uniform(size=(8, 8, 3)).astype(np.float32)
    step = 0.2
    frequency = np.arange(8)
    steps = step * (1 + frequency[:, None] + frequency)[..., None]
    coefficients = scipy.fft.dctn(picture, axes=(0, 1), norm="ortho")
    rounded = np.round(coefficients / steps) * steps
    expected = scipy.fft.idctn(rounded, axes=(0, 1), norm="ortho")
    actual = hands._compress(jnp.asarray(picture), jnp.float32(step))
    np.testing.assert_allclose(actual, expected, atol=1e-5)


def test_draw_hand_takes_all_names_in_turn():
    keys = jax.random.split(jax.random.key(0), 64)
    found = jax.vmap(lambda key: hands.draw_hand(key, ("clean", "scan")))(keys)
    assert 16 < int((found.paper > 0).sum()) < 48


def test_extract_never_leaves_a_drawing_without_black_lines_blank():
    color = jnp.ones((SIDE, SIDE, 3)).at[20:44, 20:44].set(jnp.array([1.0, 0.2, 0.2]))
    drawn = jax.vmap(hands.extract, (0, None))(jax.random.split(jax.random.key(0), 64), color)
    assert float(drawn[:, 16:24, 24:40].max(axis=(1, 2)).min()) > 0.15


def test_extract_blends_extractors_differently_for_each_key():
    color = jnp.asarray(np.random.default_rng(0).uniform(size=(SIDE, SIDE, 3)), jnp.float32)
    first, again, other = (hands.extract(jax.random.key(seed), color) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
