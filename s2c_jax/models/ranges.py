"""The ranges of values that the networks take and return.

The generator ends in tanh, so pictures are float32 in [-1, 1] on the device and uint8 in [0, 255]
on the host.
"""

import jax.numpy as jnp
from jaxtyping import Array, Float, UInt8


def normalize(levels: UInt8[Array, "*shape 3"]) -> Float[Array, "*shape 3"]:
    """Maps RGB levels in [0, 255] to float32 in [-1, 1]."""
    return levels.astype(jnp.float32) / 127.5 - 1


def normalize_rgba(levels: UInt8[Array, "*shape 4"]) -> Float[Array, "*shape 4"]:
    """Maps RGBA levels in [0, 255] to colours in [-1, 1] times alpha, and alpha in [0, 1]."""
    values = levels.astype(jnp.float32)
    alpha = values[..., 3:] / 255
    return jnp.concatenate([(values[..., :3] / 127.5 - 1) * alpha, alpha], axis=-1)


def to_levels(color: Float[Array, "*shape 3"]) -> UInt8[Array, "*shape 3"]:
    """Maps RGB in [-1, 1] to levels in [0, 255], rounded; the inverse of `normalize`."""
    return jnp.round((color + 1) * 127.5).astype(jnp.uint8)
