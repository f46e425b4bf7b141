"""The Fréchet distance between two sets of feature vectors, each modelled as a Gaussian.

Heusel et al. 2017, GANs Trained by a Two Time-Scale Update Rule Converge to a Local Nash
Equilibrium, equation 6. With the features of `s2c_jax.pretrained.inception` it is the FID.
"""

import dataclasses
import functools
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Float64

from s2c_jax.errors import UserError


class Sums(NamedTuple):
    """Running statistics of vectors; their size does not depend on the number of vectors.

    Attributes:
        number: the number of vectors.
        mean: their mean.
        scatter: the sum of (x - mean) (x - mean)^T over the vectors x.
    """

    number: int
    mean: Float64[np.ndarray, " d"]
    scatter: Float64[np.ndarray, "d d"]


@dataclasses.dataclass(frozen=True)
class Gaussian:
    """A normal distribution."""

    mean: Float64[np.ndarray, " d"]
    covariance: Float64[np.ndarray, "d d"]

    # Cached: the true pictures' distribution is compared with that of every checkpoint.
    @functools.cached_property
    def factor(self) -> Float64[np.ndarray, "d rank"]:
        """R with R R^T = covariance, without the directions that have no variance."""
        values, vectors = np.linalg.eigh(self.covariance)
        # eigh rounds eigenvalues of 0 to about 1e-16, whose roots of 1e-8 would add up.
        present = values > values[-1] * len(values) * np.finfo(np.float64).eps
        return vectors[:, present] * np.sqrt(values[present])


def empty_sums(dimensions: int) -> Sums:
    """Returns the statistics of an empty set of vectors."""
    return Sums(0, np.zeros(dimensions), np.zeros((dimensions, dimensions)))


def add(sums: Sums, features: Float[np.ndarray, "batch d"]) -> Sums:
    """Returns the statistics with a batch of vectors added.

    This is the pairwise update of Chan et al. 1979, for vectors. A running sum of x x^T would lose
    the covariance of features far from 0 by cancellation.

    Args:
        sums: the statistics before the batch.
        features: one vector per row, possibly none.
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
    """Returns the mean and the unbiased covariance, whose divisor is number - 1.

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

    With A = R R^T and B = S S^T, the eigenvalues of A B are the squared singular values of R^T S.
    So the trace of (A B)^(1/2) is the sum of the singular values. This avoids the root of a matrix
    that is singular if there are fewer vectors than dimensions.
    """
    shift = a.mean - b.mean
    root = np.linalg.svd(a.factor.T @ b.factor, compute_uv=False).sum()
    squared = shift @ shift + np.trace(a.covariance) + np.trace(b.covariance) - 2 * root
    # The distance of equal Gaussians may be negative by rounding.
    return max(float(squared), 0.0)
