"""Simulated hints and palettes have the true colours, in the shares that training needs."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from s2c_jax.training import guidance

SIDE = 64
RED, BLUE = np.float32([0.8, -0.6, -0.6]), np.float32([-0.6, -0.6, 0.8])


def drawing(count=1):
    """A box, its left half red and its right half blue, within black lines on white paper."""
    sketch = np.ones((SIDE, SIDE, 3), np.float32)
    sketch[15:50, 15:50] = -1
    sketch[17:48, 17:31] = sketch[17:48, 33:48] = 1
    color = sketch.copy()
    color[17:48, 17:31], color[17:48, 33:48] = RED, BLUE
    return tuple(jnp.broadcast_to(a, (count, *a.shape)) for a in (sketch, color))


def test_a_quarter_of_the_examples_has_no_hints_and_the_others_one_to_many():
    keys = jax.random.split(jax.random.key(0), 400)
    sketch, color = drawing(len(keys))
    hints = np.asarray(jax.jit(guidance.simulate_hints)(keys, sketch, color))
    painted = hints[..., 3].sum(axis=(1, 2))
    assert 0.2 < (painted == 0).mean() < 0.3
    assert set(np.unique(hints[..., 3])) == {0, 1}
    assert (hints[hints[..., 3] == 0] == 0).all()
    assert np.abs(hints).max() <= 1
    # The smallest hints are a dot of one pixel; the largest cover a good part of the box.
    assert painted[painted > 0].min() == 1
    assert painted.max() > 100


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**31), count=st.integers(1, guidance.MAX_MARKS))
def test_marks_have_roughly_the_true_colors_near_their_places(seed, count):
    sketch, color = drawing()
    hints = np.asarray(MARKS(jax.random.key(seed), sketch[0], color[0], jnp.int32(count)))
    rows, columns = np.nonzero(hints[..., 3])
    assert len(rows)
    for row, column in zip(rows, columns, strict=True):
        # A mark's radius and several standard deviations of its shift are less than 7 pixels.
        around = slice(max(0, row - 6), row + 7), slice(max(0, column - 6), column + 7)
        near = np.abs(color[0][around] - hints[row, column, :3]).max(axis=-1).min()
        assert near <= guidance._MAX_COLOR_SHIFT + 1e-6
    # No mark is black: people do not paint the lines.
    assert hints[rows, columns, :3].max(axis=-1).min() > 0.5


MARKS = jax.jit(guidance.paint_marks)


def test_the_same_key_gives_the_same_first_marks_for_any_count():
    sketch, color = drawing()
    key = jax.random.key(3)
    one, five = (np.asarray(MARKS(key, sketch[0], color[0], jnp.int32(n)))[..., 3] for n in (1, 5))
    assert 0 < one.sum() < five.sum()
    assert (five[one > 0] == 1).all()
    assert not np.asarray(MARKS(key, sketch[0], color[0], jnp.int32(0))).any()


def test_most_marks_lie_on_colored_pixels():
    keys = jax.random.split(jax.random.key(1), 200)
    sketch, color = drawing(len(keys))
    hints = np.asarray(jax.vmap(lambda k, s, c: MARKS(k, s, c, jnp.int32(1)))(keys, sketch, color))
    white = (hints[..., 3] > 0) & (hints[..., :3].min(axis=-1) > 0.5)
    assert 0 < white.any(axis=(1, 2)).mean() < 0.5


def test_hints_of_a_blank_picture_are_white():
    blank = jnp.ones((SIDE, SIDE, 3))
    hints = np.asarray(MARKS(jax.random.key(0), blank, blank, jnp.int32(8)))
    assert hints[..., 3].any()
    assert hints[hints[..., 3] > 0].min() > 0.9


@pytest.mark.slow(reason="compiles the hints of two batches")
def test_an_example_has_the_same_hints_in_any_batch():
    keys = jax.random.split(jax.random.key(2), 4)
    sketch, color = drawing(4)
    together = guidance.simulate_hints(keys, sketch, color)
    alone = guidance.simulate_hints(keys[2:3], sketch[2:3], color[2:3])
    np.testing.assert_array_equal(together[2], alone[0])


def palettes_of(own, color=None, count=400):
    """Simulated palettes and pictures of one picture with the palette `own`, with many keys."""
    color = jnp.zeros((1, 1, 3)) if color is None else color
    return (
        np.asarray(found)
        for found in guidance.simulate_palettes_and_recolor(
            jax.random.split(jax.random.key(0), count),
            jnp.broadcast_to(own, (count, 4, 4, 3)),
            jnp.broadcast_to(color, (count, *color.shape)),
        )
    )


def test_half_have_no_palette_a_quarter_their_own_by_band_and_a_quarter_colors_for_all_bands():
    own = np.random.default_rng(0).integers(0, 256, (4, 4, 3), dtype=np.uint8)
    found, pictures = palettes_of(own, jnp.asarray(own.reshape(16, 1, 3) / 127.5 - 1, jnp.float32))
    kinds = {"none": 0, "own": 0, "anywhere": 0}
    for given_palette, picture in zip(found, pictures, strict=True):
        alpha = given_palette[..., 3]
        # The picture consists of its palette's colours, with the same turn of hues.
        colors = picture.reshape(4, 4, 3)
        if not alpha.any():
            kinds["none"] += 1
            assert not given_palette.any()
            np.testing.assert_allclose(colors, own / 127.5 - 1, atol=1e-5)
        elif (alpha == 1).all() and np.allclose(given_palette[..., :3], colors, atol=1e-5):
            kinds["own"] += 1
        else:
            kinds["anywhere"] += 1
            # Each band has the same one to four colours of the picture.
            assert (given_palette == given_palette[:1]).all()
            count = int(alpha[0].sum())
            assert list(alpha[0]) == [1] * count + [0] * (4 - count)
            for color in given_palette[0, :count, :3]:
                assert np.abs(colors - color).max(axis=-1).min() < 1e-5
    assert 0.44 < kinds["none"] / len(found) < 0.56
    assert 0.19 < kinds["own"] / len(found) < 0.31


def test_four_in_five_pictures_with_a_palette_are_recolored():
    own = np.full((4, 4, 3), (200, 40, 40), np.uint8)
    found, pictures = palettes_of(own, jnp.asarray(own[:1] / 127.5 - 1, jnp.float32))
    given_one = found[..., 3].any(axis=(1, 2))
    turned = np.abs(pictures - pictures[~given_one][0]).max(axis=(1, 2, 3)) > 1e-3
    assert not turned[~given_one].any()
    assert 0.7 < turned[given_one].mean() < 0.9


@pytest.mark.parametrize("angle", [0.0, 1.0, 3.0, 5.5])
def test_hue_rotation_keeps_luma_and_greys(angle):
    colors = np.random.default_rng(0).uniform(-0.4, 0.4, (50, 3)).astype(np.float32)
    turned = colors @ np.asarray(guidance.hue_rotation(jnp.float32(angle))).T
    luma = np.float32([0.299, 0.587, 0.114])
    np.testing.assert_allclose(turned @ luma, colors @ luma, atol=1e-5)
    assert (np.abs(turned - colors).max() > 0.1) == (angle > 0)
    back = np.asarray(guidance.hue_rotation(jnp.float32(-angle)))
    np.testing.assert_allclose(turned @ back.T, colors, atol=1e-5)
    greys = np.linspace(-1, 1, 5, dtype=np.float32)[:, None].repeat(3, axis=1)
    np.testing.assert_allclose(greys @ np.linalg.inv(back).T, greys, atol=1e-5)


def test_saturated_colors_are_in_palettes_more_often_than_greys():
    own = np.full((4, 4, 3), 128, np.uint8)
    own[0, 0] = (255, 0, 0)
    found, _ = palettes_of(own)
    # In palettes that hold for all bands, the first colour is often the one red, and not one of the
    # fifteen greys.
    anywhere = [p for p in found if p[0, 0, 3] and (p == p[:1]).all()]
    lively = [p for p in anywhere if np.ptp(p[0, 0, :3]) > 0.1]
    assert len(lively) > len(anywhere) / 3
