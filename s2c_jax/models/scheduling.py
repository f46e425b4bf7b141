"""Tricks that order what XLA computes. None of them changes a finite value.

XLA's CPU back end ignores `jax.lax.optimization_barrier`. A data dependency orders its work
instead: a value becomes NaN if what must be computed before it is not finite.
"""

from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, PyTree


def depend_on(
    x: Float[Array, "*shape"], others: Sequence[Float[Array, "..."]]
) -> Float[Array, "*shape"]:
    """Returns x, computed no earlier than the other arrays.

    Without the dependency, XLA may compute x long before it is used, and keep it in memory. If the
    sum of the others' first elements is NaN, all of x becomes NaN.
    """
    first = sum(other[(0,) * other.ndim] for other in others)
    return jnp.where(jnp.isnan(first), jnp.nan, x)


def depend_on_tree(x: Float[Array, "*shape"], tree: PyTree) -> Float[Array, "*shape"]:
    """Returns x, computed no earlier than all arrays of a tree.

    If the tree's norm is not finite, x becomes NaN.
    """
    return jnp.where(jnp.isfinite(optax.tree.norm(tree)), x, jnp.nan)


def recompute_in_backward(
    product: Callable[[Array, Array], Array], x: Float[Array, "..."], kernel: Float[Array, "..."]
) -> Float[Array, "..."]:
    """Returns product(x, kernel); its residuals are the two operands alone.

    The backward pass computes intermediate arrays such as patches again. That takes little time
    compared with the matrix products, and saves the intermediate arrays' memory.
    """

    def forward(x: Array, kernel: Array) -> tuple[Array, tuple[Array, Array]]:
        return product(x, kernel), (x, kernel)

    def backward(operands: tuple[Array, Array], dy: Array) -> tuple[Array, ...]:
        x, kernel = operands
        return jax.vjp(product, depend_on(x, [dy]), kernel)[1](dy)

    recomputed = jax.custom_vjp(product)
    recomputed.defvjp(forward, backward)
    return recomputed(x, kernel)


def in_parameter_layout(grads: PyTree, params: PyTree) -> PyTree:
    """Returns the gradients, flattened behind a barrier and shaped like the parameters again.

    On GPU, a kernel's gradient comes with another order of axes than the kernel. XLA would compute
    the optimiser's update in that order, and transpose parameters and moments for it. A flat array
    has no order of axes.
    """
    flat = jax.lax.optimization_barrier(jax.tree.map(jnp.ravel, grads))
    return jax.tree.map(lambda grad, param: grad.reshape(param.shape), flat, params)
