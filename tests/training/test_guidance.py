"""Simulated hints and palettes have the true colours, in the shares that training needs."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from s2c_jax.training import guidance
from tests.support.pairs import box_of_two_colors


def test_a_quarter_of_the_examples_has_no_hints_and_the_others_one_to_many():
    keys = jax.random.split(jax.random.key(0), 400)
    sketch, color = box_of_two_colors(len(keys))
    hints = np.asarray(jax.jit(guidance.simulate_hints)(keys, sketch, color))
    painted = hints[..., 3].sum(axis=(1, 2))
    assert 0.2 < (painted == 0).mean() < 0.3
    assert set(np.unique(hints[..., 3])) == {0, 1}
    assert (hints[hints[..., 3] == 0] == 0).all()
    assert np.abs(hints).max() <= 1
    # The smallest hints are a dot of one pixel; the largest cover a good part of the box.
    assert painted[painted > 0].min() == 1
    assert painted.max() > 100


@pytest.mark.slow(reason="compiles the hints of two batches")
def test_an_example_has_the_same_hints_in_any_batch():
    keys = jax.random.split(jax.random.key(2), 4)
    sketch, color = box_of_two_colors(4)
    together = guidance.simulate_hints(keys, sketch, color)
    alone = guidance.simulate_hints(keys[2:3], sketch[2:3], color[2:3])
    np.testing.assert_array_equal(together[2], alone[0])


def palettes_of(own, color=None, count=400, recolor=0.8):
    """Simulated palettes and pictures of one picture with the palette `own`, with many keys."""
    color = jnp.zeros((1, 1, 3)) if color is None else color
    return (
        np.asarray(found)
        for found in guidance.simulate_palettes_and_recolor(
            jax.random.split(jax.random.key(0), count),
            jnp.broadcast_to(own, (count, 4, 4, 3)),
            jnp.broadcast_to(color, (count, *color.shape)),
            recolor,
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


@pytest.mark.parametrize(("recolor", "low", "high"), [(0.8, 0.7, 0.9), (0.0, 0.0, 0.0)])
def test_a_share_of_the_pictures_with_a_palette_is_recolored(recolor, low, high):
    own = np.full((4, 4, 3), (200, 40, 40), np.uint8)
    picture = jnp.asarray(own[:1] / 127.5 - 1, jnp.float32)
    found, pictures = palettes_of(own, picture, recolor=recolor)
    given_one = found[..., 3].any(axis=(1, 2))
    turned = np.abs(pictures - pictures[~given_one][0]).max(axis=(1, 2, 3)) > 1e-3
    assert not turned[~given_one].any()
    assert low <= turned[given_one].mean() <= high


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
