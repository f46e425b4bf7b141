"""Shapes and parameter counts of the networks."""

import jax
import jax.numpy as jnp


def eval_shapes(network, *pictures):
    """Returns the shapes of a network's output and of its variables."""
    return jax.eval_shape(
        lambda key, *args: network.init_with_output(key, *args, train=False),
        jax.random.key(0),
        *pictures,
    )


def picture_shape(side):
    return jax.ShapeDtypeStruct((1, side, side, 3), jnp.float32)


def num_parameters(params):
    return sum(leaf.size for leaf in jax.tree.leaves(params))
