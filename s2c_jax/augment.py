"""What happens to a batch on the device before the networks see it."""

from collections.abc import Sequence
from typing import Literal

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key, UInt8

Disturbance = Literal["color", "translation", "cutout"]


def normalize(
    pictures: UInt8[Array, "batch height width 3"],
) -> Float[Array, "batch height width 3"]:
    """Maps [0, 255] to float32 in [-1, 1], the range of the generator's tanh."""
    return pictures.astype(jnp.float32) / 127.5 - 1


def augment(
    keys: Key[Array, " batch"],
    sketch: Float[Array, "batch height width 3"],
    color: Float[Array, "batch height width 3"],
    *,
    mirror: bool,
    jitter: float,
) -> tuple[Float[Array, "batch height width 3"], Float[Array, "batch height width 3"]]:
    """Mirrors and crops pairs at random, the two pictures of a pair alike.

    Args:
        keys: one key an example, so that the result does not depend on how a batch is split.
        sketch: pictures in [-1, 1].
        color: pictures in [-1, 1].
        mirror: whether half of the pairs are flipped left to right.
        jitter: pairs are enlarged by a random factor in [1, 1 + jitter], and a random window of the
            original size is cut out (pix2pix section 6.2 enlarges 256 to 286: 0.117). 0 is off.

    Returns:
        Sketches and colour pictures in [-1, 1].
    """

    def one(key: Array, pair: Array) -> Array:
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

    pair = jax.vmap(one)(keys, jnp.concatenate([sketch, color], axis=-1))
    return pair[..., :3], pair[..., 3:]


def disturb(
    keys: Key[Array, " batch"],
    sketch: Float[Array, "batch height width 3"],
    color: Float[Array, "batch height width 3"],
    kinds: Sequence[Disturbance],
) -> tuple[Float[Array, "batch height width 3"], Float[Array, "batch height width 3"]]:
    """Disturbs what the discriminator sees, differentiably (Zhao et al. 2020, DiffAugment).

    Args:
        keys: one key an example; the same key disturbs alike.
        sketch: pictures in [-1, 1].
        color: pictures in [-1, 1].
        kinds: "color" changes brightness, saturation and contrast of the colour picture;
            "translation" moves both pictures by up to an eighth of their side over white paper;
            "cutout" makes a square of half their side grey in both.

    Returns:
        Sketches and colour pictures.
    """

    def one(key: Array, pair: Array) -> Array:
        color_key, shift_key, cutout_key = jax.random.split(key, 3)
        side = jnp.array(pair.shape[:2])
        if "color" in kinds:
            brightness, saturation, contrast = jax.random.uniform(color_key, (3,))
            color = pair[..., 3:] + brightness - 0.5
            grey = color.mean(axis=-1, keepdims=True)
            color = grey + (color - grey) * 2 * saturation
            middle = color.mean()
            color = middle + (color - middle) * (contrast + 0.5)
            pair = jnp.concatenate([pair[..., :3], color], axis=-1)
        if "translation" in kinds:
            most = [length // 8 for length in pair.shape[:2]]
            padded = jnp.pad(pair, [(n, n) for n in most] + [(0, 0)], constant_values=1.0)
            start = jax.random.randint(shift_key, (2,), 0, 2 * jnp.array(most) + 1)
            pair = jax.lax.dynamic_slice(padded, (start[0], start[1], 0), pair.shape)
        if "cutout" in kinds:
            middle = jax.random.randint(cutout_key, (2,), 0, side)
            rows, columns = (
                (jnp.arange(n) >= middle[axis] - n // 4) & (jnp.arange(n) < middle[axis] + n // 4)
                for axis, n in enumerate(pair.shape[:2])
            )
            pair = jnp.where((rows[:, None] & columns)[..., None], 0.0, pair)
        return pair

    if not kinds:
        return sketch, color
    pair = jax.vmap(one)(keys, jnp.concatenate([sketch, color], axis=-1))
    return pair[..., :3], pair[..., 3:]
