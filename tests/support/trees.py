"""Comparisons of pytrees."""

import jax
import numpy as np


def assert_trees_equal(actual, expected, **tolerance: float) -> None:
    """Asserts that two pytrees have the same structure and the same leaves.

    Args:
        actual: a pytree of arrays.
        expected: a pytree of arrays.
        **tolerance: rtol and atol of `np.testing.assert_allclose`; without, leaves must be equal.
    """
    assert jax.tree.structure(actual) == jax.tree.structure(expected)
    for (path, left), right in zip(
        jax.tree_util.tree_leaves_with_path(actual), jax.tree.leaves(expected), strict=True
    ):
        name = jax.tree_util.keystr(path)
        if tolerance:
            np.testing.assert_allclose(left, right, err_msg=name, **tolerance)
        else:
            np.testing.assert_array_equal(left, right, err_msg=name)
