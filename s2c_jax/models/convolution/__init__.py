"""Convolutions for every platform: one public pair, `conv` and `conv_transpose`.

GPUs and TPUs run XLA's own convolution (`xla`). XLA's CPU back end computes the gradients of
strided convolutions in slow loops, so there a convolution is a matrix product: `direct` for small
ones, `winograd` for large ones.
"""

from s2c_jax.models.convolution.dispatch import (
    add_bias,
    conv,
    conv_transpose,
    single_operation_convolutions,
)

__all__ = ["add_bias", "conv", "conv_transpose", "single_operation_convolutions"]
