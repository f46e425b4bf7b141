"""Each loss against its definition in NumPy, float64."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from s2c_jax.training import losses

SHAPE = (3, 8, 6, 3)


def pictures(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-1, 1, SHAPE)


def as_jax(array: np.ndarray) -> jax.Array:
    return jnp.asarray(array, jnp.float32)


@pytest.mark.parametrize("label", [0.0, 0.9, 1.0])
@pytest.mark.parametrize("pooling", ["mean", "none"])
def test_binary_cross_entropy_is_its_definition(label, pooling):
    logits = np.random.default_rng(0).normal(0, 3, (4, 5, 5, 1))
    p = 1 / (1 + np.exp(-logits))
    if pooling == "mean":
        p = p.mean(axis=(1, 2, 3))
    expected = -np.mean(label * np.log(p) + (1 - label) * np.log(1 - p))
    actual = losses.binary_cross_entropy(as_jax(logits), label, pooling)
    np.testing.assert_allclose(actual, expected, rtol=1e-6)


@pytest.mark.parametrize("pooling", ["mean", "none"])
@given(scale=st.floats(-(2.0**100), 2.0**100, width=32), label=st.sampled_from([0.0, 0.9, 1.0]))
@settings(max_examples=50, deadline=None)
def test_binary_cross_entropy_never_overflows(pooling, scale, label):
    logits = scale * jnp.array([1.0, -1.0, 0.5, 1.0]).reshape(1, 2, 2, 1)
    value, gradient = jax.value_and_grad(losses.binary_cross_entropy)(logits, label, pooling)
    assert np.isfinite(value)
    assert value >= 0
    assert np.isfinite(gradient).all()


def test_pooled_cross_entropy_keeps_its_gradient_where_the_probability_saturates():
    """In float32 the sigmoid of 40 is 1, and log(1 - 1) would have no gradient."""
    logits = jnp.full((1, 2, 2, 1), 40.0)
    value, gradient = jax.value_and_grad(losses.binary_cross_entropy)(logits, 0.0, "mean")
    np.testing.assert_allclose(value, 40.0, rtol=1e-6)
    np.testing.assert_allclose(gradient, 0.25, rtol=1e-6)


def test_pixel_loss_is_its_definition():
    generated, truth = pictures(0), pictures(1)
    actual = losses.pixel_loss(as_jax(generated), as_jax(truth))
    np.testing.assert_allclose(actual, np.abs(truth - generated).mean(), rtol=1e-6)


def test_feature_loss_is_its_definition():
    generated, truth = pictures(0), pictures(1)
    expected = np.mean([np.linalg.norm((t - g).ravel()) for g, t in zip(generated, truth)])
    actual = losses.feature_loss(as_jax(generated), as_jax(truth))
    np.testing.assert_allclose(actual, expected, rtol=1e-6)


def test_total_variation_is_its_definition():
    generated = pictures(0)
    expected = np.mean(
        [
            np.sqrt((np.diff(g, axis=0) ** 2).sum() + (np.diff(g, axis=1) ** 2).sum())
            for g in generated
        ]
    )
    np.testing.assert_allclose(losses.total_variation_loss(as_jax(generated)), expected, rtol=1e-6)


@pytest.mark.parametrize(
    "loss",
    [
        losses.total_variation_loss,
        lambda generated: losses.feature_loss(generated, generated),
    ],
)
def test_losses_with_roots_have_gradient_zero_at_zero(loss):
    value, gradient = jax.value_and_grad(loss)(jnp.ones((2, 4, 4, 3)))
    assert value == 0
    np.testing.assert_array_equal(gradient, 0)


@given(repeats=st.integers(1, 4))
@settings(max_examples=4, deadline=None)
def test_losses_do_not_depend_on_the_batch_size(repeats):
    generated, truth = as_jax(pictures(0)), as_jax(pictures(1))
    logits = generated[..., :1] * 5
    more = [jnp.tile(x, (repeats, 1, 1, 1)) for x in (generated, truth, logits)]
    for loss, once, again in (
        (losses.pixel_loss, (generated, truth), more[:2]),
        (losses.feature_loss, (generated, truth), more[:2]),
        (losses.total_variation_loss, (generated,), more[:1]),
        (lambda x: losses.binary_cross_entropy(x, 0.9, "mean"), (logits,), more[2:]),
    ):
        np.testing.assert_allclose(loss(*again), loss(*once), rtol=1e-5)


def palettes_of(count: int) -> np.ndarray:
    """Returns palettes with `count` colours in each band; the other places are empty."""
    colors = np.random.default_rng(5).uniform(-1, 1, (len(pictures(0)), 4, 4, 3))
    alpha = np.broadcast_to((np.arange(4) < count)[:, None], (*colors.shape[:3], 1))
    return np.concatenate([colors * alpha, alpha], axis=-1)


@pytest.mark.parametrize(("count", "reach"), [(1, 2.0), (3, 2.0), (4, 0.3)])
def test_palette_loss_is_its_definition(count, reach):
    generated, true, palettes = pictures(0), pictures(1), palettes_of(count)
    counted = np.random.default_rng(1).random(SHAPE[:3]) < 0.5
    expected = 0.0
    for picture, truth, palette, mask in zip(generated, true, palettes, counted):
        given_colors = palette[palette[..., 3] > 0][:, :3]
        distances, true_distances = (
            np.abs(each[:, :, None] - given_colors).mean(axis=-1).min(axis=-1)
            for each in (picture, truth)
        )
        near = true_distances <= reach
        assert near.any()
        assert near.all() == (reach == 2.0)
        expected += (distances * mask * near).mean() / len(generated)
    actual = losses.palette_loss(
        as_jax(generated), as_jax(true), as_jax(palettes), jnp.asarray(counted), reach
    )
    np.testing.assert_allclose(actual, expected, rtol=1e-5)


def test_palette_loss_pulls_counted_pixels_only_to_their_nearest_color():
    generated, palettes = pictures(0), palettes_of(4)
    palettes[0] = 0
    counted = np.zeros(SHAPE[:3], bool)
    counted[:2, 2:4] = True
    arguments = as_jax(pictures(1)), as_jax(palettes), jnp.asarray(counted), 2.0
    gradient = np.asarray(jax.grad(losses.palette_loss)(as_jax(generated), *arguments))
    assert not gradient[0].any()
    assert not gradient[~counted].any()
    for row, column in np.argwhere(counted[1]):
        pixel = generated[1, row, column]
        colors = palettes[1, ..., :3].reshape(-1, 3)
        nearest = colors[np.abs(colors - pixel).mean(axis=-1).argmin()]
        np.testing.assert_array_equal(np.sign(gradient[1, row, column]), np.sign(pixel - nearest))
