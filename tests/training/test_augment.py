"""Augmentation changes both pictures of a pair alike, and does not depend on the batch."""

import jax
import jax.numpy as jnp
import numpy as np
import scipy.ndimage

from s2c_jax.training.augment import augment
from tests.support.steps import NO_AUGMENTATION

PLACES = NO_AUGMENTATION._replace(mirror=True, jitter=0.3, zoom=0.2, turn=10.0, shift=0.1)


def pairs(count=8):
    sketch = jax.random.uniform(jax.random.key(0), (count, 8, 8, 3), minval=-1, maxval=1)
    return jax.random.split(jax.random.key(1), count), sketch, -sketch


def test_augment_without_mirror_and_jitter_returns_its_input():
    keys, sketch, color = pairs()
    for before, after in zip(
        (sketch, color),
        augment(keys, sketch, color, NO_AUGMENTATION),
        strict=True,
    ):
        np.testing.assert_array_equal(before, after)


def test_mirror_flips_about_half_of_the_pairs():
    keys, sketch, color = pairs(64)
    after, _ = augment(keys, sketch, color, NO_AUGMENTATION._replace(mirror=True))
    flipped = [bool((a == s[:, ::-1]).all()) for a, s in zip(after, sketch, strict=True)]
    kept = [bool((a == s).all()) for a, s in zip(after, sketch, strict=True)]
    assert all(f != k for f, k in zip(flipped, kept, strict=True))
    assert 16 < sum(flipped) < 48


def test_augment_changes_sketch_and_color_alike():
    keys, sketch, color = pairs()
    new_sketch, new_color = augment(keys, sketch, color, PLACES)
    assert np.abs(new_sketch - sketch).max(axis=(1, 2, 3)).min() > 0.01
    # Both pictures are the same but for their sign, and white where they bring in paper.
    paper = augment(keys, -jnp.ones_like(sketch), color, PLACES)[0] > -1 + 1e-5
    np.testing.assert_allclose(
        np.where(paper, 0, new_sketch), -np.where(paper, 0, new_color), atol=1e-6
    )
    assert 0 < np.mean(paper) < 0.6


def test_jitter_enlarges_and_crops_inside_the_picture():
    """Along a ramp, every cut-out is a ramp that is less steep and stays in the ramp's range."""
    ramp = jnp.linspace(-1, 1, 32)
    picture = jnp.broadcast_to(ramp[None, :, None, None], (64, 32, 32, 3))
    keys = jax.random.split(jax.random.key(2), 64)
    after, _ = augment(keys, picture, picture, NO_AUGMENTATION._replace(jitter=0.25))
    span = after[:, -1, 0, 0] - after[:, 0, 0, 0]
    assert after.min() >= -1
    assert after.max() <= 1
    assert span.max() <= 2
    assert span.min() >= 2 / 1.25 - 0.1
    assert span.std() > 0.05
    assert after[:, 0, 0, 0].std() > 0.02


def test_augment_gives_an_example_the_same_result_in_any_batch():
    keys, sketch, color = pairs()
    settings = PLACES._replace(redraw=0.5, hands=("bold", "pencil"))
    together, _ = augment(keys, sketch, color, settings)
    alone, _ = augment(keys[3:4], sketch[3:4], color[3:4], settings)
    np.testing.assert_allclose(together[3], alone[0], atol=1e-5)


def test_turn_and_zoom_are_scipys_affine_transformation_on_white_paper():
    """The oracle moves the pair by the turn and the zoom that a ramp in each direction shows."""
    side = 33
    row, column = np.mgrid[:side, :side].astype(np.float32) - side // 2
    ramps = jnp.stack([row, column, np.zeros_like(row)], axis=-1) / side
    picture = jax.random.uniform(jax.random.key(7), (side, side, 3), minval=-1)
    settings = NO_AUGMENTATION._replace(zoom=0.3, turn=20.0)
    for key in jax.random.split(jax.random.key(3), 4):
        moved, ramp = augment(key[None], picture[None], ramps[None], settings)
        middle = side // 2
        around = np.asarray(ramp[0, middle - 1 : middle + 2, middle - 1 : middle + 2, :2]) * side
        down, right = (around[2, 1] - around[0, 1]) / 2, (around[1, 2] - around[1, 0]) / 2
        matrix = np.stack([down, right], axis=1)
        assert 1 / 1.3 - 1e-3 < np.linalg.det(matrix) ** 0.5 < 1.3 + 1e-3
        for channel in range(3):
            expected = scipy.ndimage.affine_transform(
                np.asarray(picture[..., channel]),
                matrix,
                offset=middle - matrix @ (middle, middle),
                order=1,
                mode="grid-constant",
                cval=1.0,
            )
            np.testing.assert_allclose(moved[0, ..., channel], expected, atol=0.01)


def test_shift_brings_in_white_paper_at_the_edges():
    picture = jnp.full((32, 21, 21, 3), -1.0)
    keys = jax.random.split(jax.random.key(4), 32)
    moved, _ = augment(keys, picture, picture, NO_AUGMENTATION._replace(shift=0.2))
    white = np.asarray(moved[..., 0] > 0.99)
    # A shift of a fifth of the side brings in at most five of 21 rows and columns.
    assert not white[:, 5:16, 5:16].any()
    assert white.any(axis=(1, 2)).mean() > 0.8


def test_redraw_draws_the_sketches_from_the_colour_pictures():
    blank = jnp.ones((4, 32, 32, 3))
    color = blank.at[:, 8:24, 8:24].set(jnp.array([1.0, -1.0, -1.0]))
    keys = jax.random.split(jax.random.key(5), 4)
    drawn, same = augment(keys, blank, color, NO_AUGMENTATION._replace(redraw=1.0))
    np.testing.assert_array_equal(same, color)
    ink = np.asarray(1 - drawn.mean(axis=-1))
    assert (ink[:, 6:10, 10:22].max(axis=(1, 2)) > 0.3).all()
    assert ink[:, 13:19, 13:19].max() < 0.05


def test_without_hands_sketches_that_are_not_redrawn_stay_as_they_are():
    keys, sketch, color = pairs(64)
    after, _ = augment(keys, sketch, color, NO_AUGMENTATION._replace(redraw=0.5))
    kept = [bool((a == s).all()) for a, s in zip(after, sketch, strict=True)]
    assert 16 < sum(kept) < 48


def test_hands_draw_each_sketch_in_one_of_the_named_hands():
    sketch = jnp.ones((32, 16, 16, 3)).at[:, 7:9].set(-1.0)
    keys = jax.random.split(jax.random.key(6), 32)
    after, _ = augment(keys, sketch, sketch, NO_AUGMENTATION._replace(hands=("clean", "colored")))
    is_colored = np.ptp(np.asarray(after), axis=-1).max(axis=(1, 2)) > 0.05
    assert 8 < is_colored.sum() < 24
    np.testing.assert_allclose(after[~is_colored], sketch[~is_colored], atol=1e-5)
