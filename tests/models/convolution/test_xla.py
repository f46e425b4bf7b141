"""XLA's convolutions have the gradients that cuDNN computes fast."""

import re

import jax
import jax.numpy as jnp

from s2c_jax.models import convolution


def test_transposed_convolution_has_its_kernel_gradient_as_that_of_a_convolution():
    """As the kernel gradient of a convolution of dilated x, it took most of a step on GPUs."""
    x, kernel = jnp.ones((1, 8, 8, 20)), jnp.ones((4, 4, 20, 24))

    def total(x, kernel):
        return convolution.conv_transpose(x, kernel, stride=2, padding=1).sum()

    gradients = jax.jit(jax.value_and_grad(total, (0, 1)))
    program = jax.export.export(gradients, platforms=["cuda"])(x, kernel).mlir_module()
    windows = re.findall(r"stablehlo\.convolution.*?window = \{(.*?)\}", program)
    forms = [re.findall("lhs_dilate|rhs_dilate|stride", window) for window in windows]
    # In this order: the values, the kernel's gradient, the input's gradient.
    assert sorted(forms) == [["lhs_dilate"], ["rhs_dilate"], ["stride"]]
