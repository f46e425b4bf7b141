"""Direct convolutions keep little memory for their gradients."""

import jax
import jax.numpy as jnp

from s2c_jax.models.convolution.direct import direct_conv


def test_residuals_are_activations_and_not_patches():
    """A patch of 3x3 pixels has nine times as many values as its pixel."""
    x = jax.ShapeDtypeStruct((4, 64, 64, 8), jnp.float32)

    def memory(layers):
        """Returns the temporary memory of the gradients, in units of the activations' size."""

        def loss(x, kernels):
            for kernel in kernels:
                x = jnp.sin(direct_conv(x, kernel, 1, 1))
            return x.sum()

        kernels = [jax.ShapeDtypeStruct((3, 3, 8, 8), jnp.float32)] * layers
        program = jax.jit(jax.grad(loss, argnums=(0, 1))).lower(x, kernels).compile()
        return program.memory_analysis().temp_size_in_bytes / (x.size * x.dtype.itemsize)

    # Each of the three further layers keeps at most two activations.
    assert memory(6) - memory(3) <= 3 * 2
