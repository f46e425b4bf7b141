"""Convolutions for every platform: one public pair, `conv` and `conv_transpose`.

When JAX lowers a program, `dispatch` chooses how each convolution is computed:

- On GPUs and TPUs, `xla` uses XLA's own convolution.
- On CPUs, a convolution is written as matrix products, since XLA's CPU back end computes the
  gradients of strided convolutions in slow loops. Small convolutions are patches times a matrix
  (`direct`); large ones use Winograd's minimal filtering (`winograd`).
- Within `single_operation_convolutions`, for programs that something other than XLA runs, each
  convolution is a single operation.

The results agree up to rounding.
"""

from s2c_jax.models.convolution.dispatch import (
    add_bias,
    conv,
    conv_transpose,
    single_operation_convolutions,
)

__all__ = ["add_bias", "conv", "conv_transpose", "single_operation_convolutions"]
