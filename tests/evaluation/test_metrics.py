"""Each metric against its definition, on pictures whose answer is known."""

import numpy as np
import pytest
import skimage.color
from hypothesis import given, settings
from hypothesis import strategies as st

from s2c_jax.evaluation import metrics

WHITE, BLACK, RED, GREEN, GREY = 255, 0, (200, 30, 40), (30, 160, 60), (128, 128, 128)
SIDE = 16


def plain(color):
    return np.broadcast_to(np.array(color, np.uint8), (SIDE, SIDE, 3)).copy()


def noise(seed):
    return np.random.default_rng(seed).integers(0, 256, (SIDE, SIDE, 3), np.uint8)


def values(sketch, generated, truth):
    return {name: ratio.value for name, ratio in metrics.measure(sketch, generated, truth).items()}


def difference(one, other):
    return float(
        skimage.color.deltaE_ciede2000(
            *(skimage.color.rgb2lab(np.array(color, np.uint8)) for color in (one, other))
        )
    )


@pytest.fixture
def half_red():
    """A sketch with a dark line in column 3, and a truth that is red to the right of the line."""
    sketch, truth = plain(WHITE), plain(WHITE)
    sketch[:, 3] = truth[:, 3] = BLACK
    truth[:, 4:] = RED
    return sketch, truth


def test_the_truth_as_colouring_has_perfect_metrics(half_red):
    sketch, truth = half_red
    expected = {"mae": 0, "psnr": 100, "ssim": 1, "ciede2000": 0, "ciede2000_hue": 0}
    expected |= {"colorfulness": 1, "leakage": 0, "line_loss": 0, "checkerboard": 1}
    found = values(sketch, truth, truth)
    assert {name: found[name] for name in expected} == expected


def test_mae_and_psnr_follow_their_definitions():
    sketch, generated, truth = noise(0), noise(1), noise(2)
    found = values(sketch, generated, truth)
    x, y = generated / 127.5 - 1, truth / 127.5 - 1
    np.testing.assert_allclose(found["mae"], np.abs(y - x).mean())
    np.testing.assert_allclose(found["psnr"], 10 * np.log10(4 / np.square(y - x).mean()))


def test_ciede2000_compares_only_where_the_truth_is_coloured(half_red):
    sketch, truth = half_red
    generated = plain(GREY)
    generated[:, 4:] = GREEN
    assert metrics.measure(sketch, generated, truth)["ciede2000"].weight == 12 * SIDE
    np.testing.assert_allclose(
        values(sketch, generated, truth)["ciede2000"], difference(RED, GREEN), rtol=1e-6
    )


def test_ciede2000_hue_ignores_lightness_and_chroma(half_red):
    sketch, truth = half_red
    lab = skimage.color.rgb2lab(plain(RED))

    def hue(lab):
        generated = np.round(skimage.color.lab2rgb(lab) * 255).astype(np.uint8)
        return values(sketch, generated, truth)["ciede2000_hue"]

    assert hue(lab * [1, 0.5, 0.5]) < 1
    assert hue(lab * [0.6, 0.8, 0.8]) < 1
    assert hue(lab * [1, -0.4, 0.4]) > 20
    # A grey colouring has no hue, which counts as a wrong one.
    assert hue(lab * [1, 0, 0]) > 20


def test_colorfulness_is_0_for_grey_and_follows_its_formula_for_two_colours():
    assert metrics.colorfulness(plain(GREY)) == 0
    picture = plain(WHITE)
    picture[: SIDE // 2] = (255, 0, 0)
    # R - G is 255 and 0, (R + G) / 2 - B is 127.5 and 0, each in half of the pixels.
    deviation, mean = np.hypot(127.5, 63.75), np.hypot(127.5, 63.75)
    np.testing.assert_allclose(metrics.colorfulness(picture), deviation + 0.3 * mean)


def test_leakage_is_the_share_of_paper_that_is_coloured(half_red):
    sketch, truth = half_red
    generated = truth.copy()
    generated[:2, 0] = RED
    generated[2, 0] = (252, 253, 254)
    assert values(sketch, generated, truth)["leakage"] == 2 / (3 * SIDE)


def test_line_loss_is_the_share_of_lines_that_are_no_longer_dark(half_red):
    sketch, truth = half_red
    generated = truth.copy()
    generated[:, 3] = (40, 20, 60)
    generated[-2:, 3] = (180, 180, 200)
    assert values(sketch, generated, truth)["line_loss"] == 2 / SIDE


@pytest.mark.parametrize(("period", "share"), [(2, 1.0), (4, 0.0), (16, 0.0)])
@pytest.mark.parametrize("axis", [0, 1])
def test_checkerboard_is_the_share_of_energy_at_a_period_of_two_pixels(axis, period, share):
    wave = np.cos(2 * np.pi * np.arange(SIDE) / period)
    wave = np.expand_dims(wave, 1 - axis)[..., None]
    picture = np.broadcast_to(128 + 100 * wave, (SIDE, SIDE, 3)).round().astype(np.uint8)
    np.testing.assert_allclose(metrics.checkerboard(picture), share, atol=1e-4)
    assert metrics.checkerboard(plain(GREY)) == 0


def test_a_metric_with_nothing_to_measure_is_nan():
    white = plain(WHITE)
    assert metrics.measure(white, noise(0), white)["ciede2000"] == metrics.Ratio(0.0, 0.0)
    assert np.isnan(values(white, noise(0), white)["ciede2000"])


def test_darker_paper_still_counts_as_paper(half_red):
    sketch, truth = half_red
    ratios = metrics.measure(np.minimum(sketch, 240).astype(np.uint8), plain(GREEN), truth)
    assert ratios["ciede2000"].weight == 12 * SIDE
    assert ratios["leakage"] == metrics.Ratio(3 * SIDE, 3 * SIDE)


def test_line_loss_leaves_out_lines_that_are_coloured_in_the_truth(half_red):
    sketch, truth = half_red
    truth[:4, 3] = (250, 200, 180)
    assert values(sketch, truth, truth)["line_loss"] == 0


@given(seed=st.integers(0, 2**32 - 1), side=st.sampled_from([11, 12, 64]))
@settings(max_examples=20, deadline=None)
def test_shares_lie_in_their_ranges_and_all_sums_are_finite(seed, side):
    rng = np.random.default_rng(seed)
    pictures = rng.choice([0, 3, 128, 250, 255], (3, side, side, 3)).astype(np.uint8)
    sketch, generated, truth = pictures
    found = metrics.measure(sketch, generated, truth)
    assert 0 <= metrics.checkerboard(generated) <= 1
    for name in ("leakage", "line_loss"):
        assert 0 <= found[name].total <= found[name].weight
    assert -1 <= found["ssim"].value <= 1
    assert all(np.isfinite(total) and np.isfinite(weight) for total, weight in found.values())


def test_add_weighs_pictures_by_what_there_is_to_measure():
    one, other = {"share": metrics.Ratio(1.0, 2.0)}, {"share": metrics.Ratio(3.0, 6.0)}
    assert metrics.add(metrics.add({}, one), other) == {"share": metrics.Ratio(4.0, 8.0)}
