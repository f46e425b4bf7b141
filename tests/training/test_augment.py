"""Augmentation changes both pictures of a pair alike, and does not depend on the batch."""

import jax
import jax.numpy as jnp
import numpy as np

from s2c_jax.training.augment import Augmentation, augment


def pairs(count=8):
    sketch = jax.random.uniform(jax.random.key(0), (count, 8, 8, 3), minval=-1, maxval=1)
    return jax.random.split(jax.random.key(1), count), sketch, -sketch


def test_augment_without_mirror_and_jitter_returns_its_input():
    keys, sketch, color = pairs()
    for before, after in zip(
        (sketch, color),
        augment(keys, sketch, color, Augmentation(False, 0.0)),
        strict=True,
    ):
        np.testing.assert_array_equal(before, after)


def test_mirror_flips_about_half_of_the_pairs():
    keys, sketch, color = pairs(64)
    after, _ = augment(keys, sketch, color, Augmentation(True, 0.0))
    flipped = [bool((a == s[:, ::-1]).all()) for a, s in zip(after, sketch, strict=True)]
    kept = [bool((a == s).all()) for a, s in zip(after, sketch, strict=True)]
    assert all(f != k for f, k in zip(flipped, kept, strict=True))
    assert 16 < sum(flipped) < 48


def test_augment_changes_sketch_and_color_alike():
    keys, sketch, color = pairs()
    new_sketch, new_color = augment(keys, sketch, color, Augmentation(True, 0.3))
    assert np.abs(new_sketch - sketch).max(axis=(1, 2, 3)).min() > 0.01
    np.testing.assert_allclose(new_sketch, -new_color, atol=1e-6)


def test_jitter_enlarges_and_crops_inside_the_picture():
    """Along a ramp, every cut-out is a ramp that is less steep and stays in the ramp's range."""
    ramp = jnp.linspace(-1, 1, 32)
    picture = jnp.broadcast_to(ramp[None, :, None, None], (64, 32, 32, 3))
    keys = jax.random.split(jax.random.key(2), 64)
    after, _ = augment(keys, picture, picture, Augmentation(False, 0.25))
    span = after[:, -1, 0, 0] - after[:, 0, 0, 0]
    assert after.min() >= -1
    assert after.max() <= 1
    assert span.max() <= 2
    assert span.min() >= 2 / 1.25 - 0.1
    assert span.std() > 0.05
    assert after[:, 0, 0, 0].std() > 0.02


def test_augment_gives_an_example_the_same_result_in_any_batch():
    keys, sketch, color = pairs()
    together, _ = augment(keys, sketch, color, Augmentation(True, 0.3))
    alone, _ = augment(keys[3:4], sketch[3:4], color[3:4], Augmentation(True, 0.3))
    np.testing.assert_allclose(together[3], alone[0], atol=1e-6)
