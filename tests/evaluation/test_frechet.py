"""The Fréchet distance: closed forms, laws, and running statistics of fixed size."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from s2c_jax.errors import UserError
from s2c_jax.evaluation import frechet


def vectors(seed, number, dimensions=6, around=0.0):
    rng = np.random.default_rng(seed)
    mixed = rng.standard_normal((number, dimensions)) @ rng.standard_normal((dimensions,) * 2)
    return mixed + around


def gaussian(*batches):
    sums = frechet.empty_sums(batches[0].shape[1])
    for batch in batches:
        sums = frechet.add(sums, batch)
    return frechet.gaussian(sums)


numbers = st.integers(2, 20)
seeds = st.integers(0, 2**32 - 1)


@given(seeds, numbers, st.lists(st.integers(0, 20), max_size=5), st.sampled_from([0.0, 1e6]))
def test_sums_over_batches_equal_mean_and_covariance_of_all_vectors(seed, number, cuts, around):
    x = vectors(seed, number, around=around)
    found = gaussian(*np.split(x, sorted(min(cut, number) for cut in cuts)))
    np.testing.assert_allclose(found.mean, x.mean(axis=0), rtol=1e-12, atol=1e-12)
    expected = np.cov(x, rowvar=False)
    np.testing.assert_allclose(found.covariance, expected, atol=1e-8 * np.abs(expected).max())


def test_sums_are_float64_and_keep_their_size():
    sums = frechet.empty_sums(3)
    for seed in range(4):
        before = sums
        sums = frechet.add(sums, vectors(seed, 5, 3).astype(np.float32))
        assert sums.mean.dtype == sums.scatter.dtype == np.float64
        assert (sums.mean.shape, sums.scatter.shape) == ((3,), (3, 3))
        assert before.number == 5 * seed  # `add` does not change its argument
    np.testing.assert_array_equal(before.mean, frechet.add(before, np.zeros((0, 3))).mean)


def test_diagonal_gaussians_have_a_closed_form():
    rng = np.random.default_rng(0)
    means, variances = rng.normal(0, 3, (2, 50)), rng.uniform(0, 4, (2, 50))
    variances[0, :10] = variances[1, 5:20] = 0
    a, b = (frechet.Gaussian(m, np.diag(v)) for m, v in zip(means, variances))
    expected = ((means[0] - means[1]) ** 2).sum()
    expected += ((np.sqrt(variances[0]) - np.sqrt(variances[1])) ** 2).sum()
    np.testing.assert_allclose(frechet.distance(a, b), expected, rtol=1e-12)


def test_gaussians_without_variance_have_the_distance_of_their_means():
    point, other = (frechet.Gaussian(np.full(4, x), np.zeros((4, 4))) for x in (0.0, 1.5))
    assert frechet.distance(point, point) == 0
    assert frechet.distance(point, other) == 9
    spread = frechet.Gaussian(np.zeros(4), np.eye(4))
    assert frechet.distance(point, spread) == 4


# With fewer vectors than the 6 dimensions the covariances are singular.
@given(seeds, numbers, numbers)
def test_distance_is_symmetric_finite_and_0_for_equal_gaussians(seed, n, m):
    x, y = vectors(seed, n), vectors(seed + 1, m)
    a, b = gaussian(x), gaussian(y)
    apart, scale = frechet.distance(a, b), np.trace(a.covariance) + np.trace(b.covariance)
    assert 0 <= apart < np.inf
    np.testing.assert_allclose(frechet.distance(b, a), apart, atol=1e-9 * scale)
    assert frechet.distance(a, a) < 1e-9 * scale
    assert frechet.distance(a, b) == apart
    shifted = frechet.Gaussian(a.mean + 2, a.covariance)
    np.testing.assert_allclose(frechet.distance(a, shifted), 4 * 6, rtol=1e-6, atol=1e-9 * scale)


@given(seeds, numbers, numbers)
def test_distance_is_invariant_under_rotation(seed, n, m):
    x, y = vectors(seed, n), vectors(seed + 1, m)
    turn = np.linalg.qr(np.random.default_rng(seed).standard_normal((6, 6))).Q
    expected = frechet.distance(gaussian(x), gaussian(y))
    actual = frechet.distance(gaussian(x @ turn), gaussian(y @ turn))
    np.testing.assert_allclose(actual, expected, rtol=1e-6, atol=1e-9)


def test_distance_of_singular_covariances_is_exact():
    """All vectors lie in a subspace, in which their covariances have full rank."""
    x, y = vectors(0, 50, 5), vectors(1, 40, 5, around=0.5)
    plane = np.linalg.qr(np.random.default_rng(2).standard_normal((300, 5))).Q.T
    expected = frechet.distance(gaussian(x), gaussian(y))
    actual = frechet.distance(gaussian(x @ plane), gaussian(y @ plane))
    np.testing.assert_allclose(actual, expected, rtol=1e-12)


def test_gaussian_refuses_a_single_vector():
    sums = frechet.add(frechet.empty_sums(3), np.zeros((1, 3)))
    with pytest.raises(UserError, match="at least 2 pictures: one has 1"):
        frechet.gaussian(sums)
