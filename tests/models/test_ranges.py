"""The maps between levels and what the networks take."""

import jax.numpy as jnp
import numpy as np

from s2c_jax.models import ranges

LEVELS = jnp.arange(256, dtype=jnp.uint8)


def test_normalize_maps_levels_to_minus_one_to_one():
    normalized = ranges.normalize(jnp.stack([LEVELS] * 3, axis=-1))
    assert normalized.dtype == jnp.float32
    np.testing.assert_allclose(normalized[:, 0], np.linspace(-1, 1, 256), atol=1e-6)


def test_to_levels_reverts_normalize():
    levels = jnp.stack([LEVELS, LEVELS[::-1], LEVELS], axis=-1)
    restored = ranges.to_levels(ranges.normalize(levels))
    assert restored.dtype == jnp.uint8
    np.testing.assert_array_equal(restored, levels)


def test_to_levels_rounds_to_the_nearest_level():
    np.testing.assert_array_equal(
        ranges.to_levels(jnp.asarray([-1 + 0.4 / 127.5, 0.6 / 127.5 - 1, 1.0])), [0, 1, 255]
    )


def test_normalize_rgba_multiplies_colors_by_alpha():
    rgba = jnp.asarray([[255, 0, 255, 255], [255, 0, 255, 51], [255, 0, 255, 0]], jnp.uint8)
    expected = [[1, -1, 1, 1], [0.2, -0.2, 0.2, 0.2], [0, 0, 0, 0]]
    np.testing.assert_allclose(ranges.normalize_rgba(rgba), expected, atol=1e-6)
