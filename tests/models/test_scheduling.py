"""The scheduling tricks change no finite value."""

import jax
import jax.numpy as jnp
import numpy as np

from s2c_jax.models import scheduling


def test_depend_on_returns_x_unless_another_array_is_nan():
    x, other = jnp.arange(3.0), jnp.ones((2, 2))
    np.testing.assert_array_equal(scheduling.depend_on(x, [other, other]), x)
    assert jnp.isnan(scheduling.depend_on(x, [other, other * jnp.nan])).all()


def test_depend_on_tree_returns_x_unless_an_element_is_not_finite():
    x, tree = jnp.arange(3.0), {"a": jnp.ones(2), "b": jnp.ones((2, 2))}
    np.testing.assert_array_equal(scheduling.depend_on_tree(x, tree), x)
    for bad in (jnp.nan, jnp.inf):
        broken = {**tree, "b": tree["b"].at[1, 1].set(bad)}
        assert jnp.isnan(scheduling.depend_on_tree(x, broken)).all()


def test_recompute_in_backward_keeps_values_and_gradients():
    x, kernel = jax.random.normal(jax.random.key(0), (2, 3, 3))

    def product(x, kernel):
        return jnp.sin(x) @ kernel

    def recomputed(x, kernel):
        return scheduling.recompute_in_backward(product, x, kernel)

    (y, vjp), (expected, expected_vjp) = (
        jax.vjp(each, x, kernel) for each in (recomputed, product)
    )
    np.testing.assert_array_equal(y, expected)
    for actual, gradient in zip(vjp(y), expected_vjp(y), strict=True):
        np.testing.assert_allclose(actual, gradient, rtol=1e-6)


def test_recompute_in_backward_has_its_operands_as_only_residuals():
    x, kernel = jnp.ones((4, 2)), jnp.ones((2, 3))

    def product(x, kernel):
        return jnp.exp(jnp.sin(x) @ kernel)

    _, vjp = jax.vjp(lambda *args: scheduling.recompute_in_backward(product, *args), x, kernel)
    assert sorted(leaf.shape for leaf in jax.tree.leaves(vjp)) == [(2, 3), (4, 2)]


def test_in_parameter_layout_returns_the_gradients():
    params = {"kernel": jnp.zeros((2, 3)), "bias": jnp.zeros(3)}
    grads = {"kernel": jnp.arange(6.0).reshape(2, 3), "bias": jnp.arange(3.0)}
    actual = scheduling.in_parameter_layout(grads, params)
    jax.tree.map(np.testing.assert_array_equal, actual, grads)
