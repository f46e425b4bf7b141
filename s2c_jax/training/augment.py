"""Random changes of training pairs, on the device."""

import functools

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key


def augment(
    keys: Key[Array, " batch"],
    sketch: Float[Array, "batch height width 3"],
    color: Float[Array, "batch height width 3"],
    *,
    mirror: bool,
    jitter: float,
) -> tuple[Float[Array, "batch height width 3"], Float[Array, "batch height width 3"]]:
    """Mirrors and crops pairs at random, both pictures of a pair alike.

    Args:
        keys: one key an example, so that the result does not depend on how a batch is split.
        sketch: pictures in [-1, 1].
        color: pictures in [-1, 1].
        mirror: whether to flip half of the pairs left to right.
        jitter: pairs are enlarged by a random factor in [1, 1 + jitter], and a random window of the
            original size is cut out. Section 6.2 of pix2pix enlarges 256 to 286, by 1.117.
    """
    augment_one = functools.partial(_augment_pair, mirror=mirror, jitter=jitter)
    pairs = jax.vmap(augment_one)(keys, jnp.concatenate([sketch, color], axis=-1))
    return pairs[..., :3], pairs[..., 3:]


def _augment_pair(key: Array, pair: Array, *, mirror: bool, jitter: float) -> Array:
    mirror_key, scale_key, shift_key = jax.random.split(key, 3)
    if mirror:
        pair = jnp.where(jax.random.bernoulli(mirror_key), pair[:, ::-1], pair)
    if jitter:
        scale = 1 + jitter * jax.random.uniform(scale_key)
        side = jnp.array(pair.shape[:2], jnp.float32)
        shift = -jax.random.uniform(shift_key, (2,)) * (scale - 1) * side
        pair = jax.image.scale_and_translate(
            pair, pair.shape, (0, 1), jnp.full(2, scale), shift, "linear"
        )
    return pair
