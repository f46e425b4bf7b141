"""The losses of Sketch2Color: pure functions of arrays.

Names follow the article: x is the sketch, y the true colour picture, G(x) the generated one, D a
probability and phi the activations of VGG16's block2_conv2. Every loss is a mean over the pictures
of a batch, so it depends neither on the batch size nor on the number of devices.
"""

import functools
from typing import Literal

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

Pooling = Literal["mean", "none"]

_Pictures = Float[Array, "batch height width channels"]


def log_probabilities(
    logits: Float[Array, "batch height width 1"], pooling: Pooling
) -> tuple[Float[Array, "batch patches"], Float[Array, "batch patches"]]:
    """Returns log p and log(1 - p) of the probability p that a pair is real.

    Both are computed from log-sigmoids, so that neither overflows nor rounds to log 0, however
    large the logits are.

    Args:
        logits: the discriminator's map before its sigmoid, any finite value.
        pooling: "mean" gives one probability a pair, the average of the patches' probabilities, as
            in the article. "none" gives one probability a patch, as in pix2pix (Isola et al. 2017,
            section 3.2.2).
    """
    flat = logits.reshape(logits.shape[0], -1).astype(jnp.float32)
    log_p, log_not_p = jax.nn.log_sigmoid(flat), jax.nn.log_sigmoid(-flat)
    if pooling == "none":
        return log_p, log_not_p
    log_sum = functools.partial(jax.nn.logsumexp, axis=1, keepdims=True)
    log_count = jnp.log(flat.shape[1])
    return log_sum(log_p) - log_count, log_sum(log_not_p) - log_count


def binary_cross_entropy(
    logits: Float[Array, "batch height width 1"], label: float, pooling: Pooling
) -> Float[Array, ""]:
    """BCE(D, label) = -mean(label log D + (1 - label) log(1 - D)).

    Args:
        logits: see `log_probabilities`.
        label: the target probability, in [0, 1].
        pooling: see `log_probabilities`.
    """
    log_p, log_not_p = log_probabilities(logits, pooling)
    return -jnp.mean(label * log_p + (1 - label) * log_not_p)


def pixel_loss(generated: _Pictures, truth: _Pictures) -> Float[Array, ""]:
    """The pixel-level loss of pictures in [-1, 1]: mean |y - G(x)|."""
    return jnp.mean(jnp.abs(truth - generated))


def palette_loss(
    generated: Float[Array, "batch height width 3"],
    true: Float[Array, "batch height width 3"],
    palettes: Float[Array, "batch 4 4 4"],
    counted: Bool[Array, "batch height width"],
    reach: float,
) -> Float[Array, ""]:
    """The distance of pixels to the nearest colour of the palette: mean min |c - G(x)|.

    Without this loss a pixel becomes a mixture of the colours that it may have.

    Args:
        generated: pictures in [-1, 1].
        true: the true colour pictures in [-1, 1].
        palettes: colours in [-1, 1], and alpha: 1 for a colour, 0 for an empty place.
        counted: the pixels that may have a colour of the palette. The distance of other pixels is
            0, and so is that of all pixels of a picture whose palette is empty.
        reach: the largest distance of a counted pixel's true colour from the palette: the mean over
            the channels, in [0, 2].
    """
    colors = palettes.reshape(-1, 16, 4)
    nearest, smallest = jnp.zeros_like(generated), jnp.full(counted.shape, jnp.inf)
    true_distance = smallest
    # One colour after the other: all distances at once take sixteen times the pictures' memory.
    for color in jnp.moveaxis(colors, 1, 0)[:, :, None, None]:
        distance = jnp.abs(jax.lax.stop_gradient(generated) - color[..., :3]).mean(axis=-1)
        nearer = (distance < smallest) & (color[..., 3] > 0)
        smallest = jnp.where(nearer, distance, smallest)
        nearest = jnp.where(nearer[..., None], color[..., :3], nearest)
        distance = jnp.where(color[..., 3] > 0, jnp.abs(true - color[..., :3]).mean(axis=-1), 2.0)
        true_distance = jnp.minimum(true_distance, distance)
    counted &= jnp.isfinite(smallest) & (true_distance <= reach)
    return jnp.mean(jnp.where(counted, jnp.abs(nearest - generated).mean(axis=-1), 0.0))


def feature_loss(
    generated_features: Float[Array, "batch height width channels"],
    true_features: Float[Array, "batch height width channels"],
) -> Float[Array, ""]:
    """The feature-level loss: the mean over pictures of the L2 norm of phi(y) - phi(G(x))."""
    difference = true_features - generated_features
    return jnp.mean(_safe_root(jnp.sum(jnp.square(difference), axis=(1, 2, 3))))


def total_variation_loss(generated: _Pictures) -> Float[Array, ""]:
    """The root of the summed squared differences of neighbours in [-1, 1], a mean over pictures."""
    vertical = generated[:, 1:] - generated[:, :-1]
    horizontal = generated[:, :, 1:] - generated[:, :, :-1]
    rows = jnp.sum(jnp.square(vertical), axis=(1, 2, 3))
    columns = jnp.sum(jnp.square(horizontal), axis=(1, 2, 3))
    return jnp.mean(_safe_root(rows + columns))


def _safe_root(squares: Float[Array, " batch"]) -> Float[Array, " batch"]:
    """The square root, whose gradient is 0 instead of NaN where a sum of squares is 0."""
    positive = squares > 0
    return jnp.where(positive, jnp.sqrt(jnp.where(positive, squares, 1.0)), 0.0)
