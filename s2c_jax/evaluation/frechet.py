"""The Fréchet distance of two sets of feature vectors, each taken for a Gaussian's sample.

Heusel et al. 2017, GANs Trained by a Two Time-Scale Update Rule Converge to a Local Nash
Equilibrium, equation 6. With the features of `s2c_jax.models.inception` it is the FID.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Float64

from s2c_jax.errors import UserError


class Sums(NamedTuple):
    """What is kept of the vectors so far: as much memory for any number of them.

    Attributes:
        number: how many they are.
        mean: their mean.
        scatter: the sum of (x - mean) (x - mean)^T.
    """

    number: int
    mean: Float64[np.ndarray, " d"]
    scatter: Float64[np.ndarray, "d d"]


class Gaussian(NamedTuple):
    """A normal distribution."""

    mean: Float64[np.ndarray, " d"]
    covariance: Float64[np.ndarray, "d d"]


def no_sums(dimensions: int) -> Sums:
    """Returns the sums of no vectors."""
    return Sums(0, np.zeros(dimensions), np.zeros((dimensions, dimensions)))


def add(sums: Sums, features: Float[np.ndarray, "batch d"]) -> Sums:
    """Returns the sums with a batch more (Chan et al. 1979, for vectors).

    The sums of x x^T alone would lose the covariance of features that are far from 0.

    Args:
        sums: those so far.
        features: one vector a row; none is fine.
    """
    if not len(features):
        return sums
    features = features.astype(np.float64)
    number = sums.number + len(features)
    mean = features.mean(axis=0)
    shift = mean - sums.mean
    between = shift * np.sqrt(sums.number * len(features) / number)
    rows = np.vstack([features - mean, between])
    return Sums(number, sums.mean + shift * (len(features) / number), sums.scatter + rows.T @ rows)


def gaussian(sums: Sums) -> Gaussian:
    """Returns the mean and the unbiased covariance (over number - 1).

    Raises:
        UserError: there are fewer than two vectors.
    """
    if sums.number < 2:
        raise UserError(
            f"a Fréchet distance compares two sets of at least 2 pictures: one has {sums.number}"
        )
    return Gaussian(sums.mean, sums.scatter / (sums.number - 1))


def distance(a: Gaussian, b: Gaussian) -> float:
    """Returns |mean a - mean b|^2 + tr(A + B - 2 (A B)^(1/2)) for covariances A and B.

    With A = R R^T and B = S S^T, the eigenvalues of A B are the squares of R^T S's singular values,
    so the last trace is their sum. No root of a nearly singular matrix is taken: a covariance may
    have any rank, as that of fewer vectors than dimensions has.
    """
    shift = a.mean - b.mean
    root = np.linalg.svd(_factor(a.covariance).T @ _factor(b.covariance), compute_uv=False).sum()
    squared = shift @ shift + np.trace(a.covariance) + np.trace(b.covariance) - 2 * root
    # Rounding alone makes it negative.
    return max(float(squared), 0.0)


def _factor(covariance: Float64[np.ndarray, "d d"]) -> Float64[np.ndarray, "d rank"]:
    """Returns R with R R^T = covariance, without the directions in which there is no variance."""
    values, vectors = np.linalg.eigh(covariance)
    # What eigh makes of zeros, which the root would lift from 1e-16 to 1e-8 in each direction.
    present = values > values[-1] * len(values) * np.finfo(np.float64).eps
    return vectors[:, present] * np.sqrt(values[present])
