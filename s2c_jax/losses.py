"""The losses of Sketch2Color: pure functions of arrays.

Names follow the article: x is the sketch, y the true colour picture, G(x) the generated one, D a
probability and phi the activations of VGG16's block2_conv2. Every definition is one value an image,
averaged over the batch, so that it does not change with the batch size or the number of devices.
"""

from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

Pooling = Literal["mean", "none"]
Objective = Literal["cross_entropy", "least_squares", "hinge"]
PixelSpace = Literal["rgb", "lab"]


def log_probabilities(
    logits: Float[Array, "batch height width 1"], pooling: Pooling
) -> tuple[Float[Array, "batch patches"], Float[Array, "batch patches"]]:
    """Returns log p and log(1 - p) of the probability that a pair is real.

    With `pooling="mean"` p is the average over the map of the patches' sigmoid probabilities: one
    probability a pair, as in the article. Both logarithms are log-sum-exps of log-sigmoids, so
    neither overflows nor rounds to log 0, however large the logits are. With `pooling="none"` every
    patch is a probability of its own, as in pix2pix (Isola et al. 2017, section 3.2.2).

    Args:
        logits: the discriminator's map before its sigmoid, any finite value.
        pooling: "mean" (patches = 1) or "none" (patches = height * width).

    Returns:
        log p and log(1 - p), both <= 0.
    """
    flat = logits.reshape(logits.shape[0], -1).astype(jnp.float32)
    log_p, log_not_p = jax.nn.log_sigmoid(flat), jax.nn.log_sigmoid(-flat)
    if pooling == "none":
        return log_p, log_not_p
    log_count = jnp.log(flat.shape[1])

    def log_mean(log_values: Float[Array, "batch patches"]) -> Float[Array, "batch 1"]:
        return jax.nn.logsumexp(log_values, axis=1, keepdims=True) - log_count

    return log_mean(log_p), log_mean(log_not_p)


def binary_cross_entropy(
    logits: Float[Array, "batch height width 1"], label: float, pooling: Pooling
) -> Float[Array, ""]:
    """BCE(D, label) = -mean(label log D + (1 - label) log(1 - D)).

    Args:
        logits: the discriminator's map before its sigmoid.
        label: the wanted probability, in [0, 1].
        pooling: how the map becomes probabilities, see `log_probabilities`.
    """
    log_p, log_not_p = log_probabilities(logits, pooling)
    return -jnp.mean(label * log_p + (1 - label) * log_not_p)


def discriminator_losses(
    real_logits: Float[Array, "batch height width 1"],
    fake_logits: Float[Array, "batch height width 1"],
    real_label: float,
    objective: Objective,
    pooling: Pooling,
) -> tuple[Float[Array, ""], Float[Array, ""]]:
    """Returns what the discriminator minimises half the sum of, for real and for generated pairs.

    Args:
        real_logits: the discriminator's map of real pairs, before its sigmoid.
        fake_logits: the same of generated pairs.
        real_label: what a real pair is to be judged as; hinge has no labels.
        objective: "cross_entropy" of probabilities; "least_squares" of the logits themselves (Mao
            et al. 2017, equation 9); or "hinge" (Lim and Ye 2017).
        pooling: "mean" judges a pair once, "none" each patch.
    """
    if objective == "cross_entropy":
        return (
            binary_cross_entropy(real_logits, real_label, pooling),
            binary_cross_entropy(fake_logits, 0.0, pooling),
        )
    real, fake = _pooled(real_logits, pooling), _pooled(fake_logits, pooling)
    if objective == "least_squares":
        return jnp.mean(jnp.square(real - real_label)), jnp.mean(jnp.square(fake))
    return jnp.mean(jax.nn.relu(1 - real)), jnp.mean(jax.nn.relu(1 + fake))


def adversarial_loss(
    fake_logits: Float[Array, "batch height width 1"], objective: Objective, pooling: Pooling
) -> Float[Array, ""]:
    """What the generator minimises to have its pairs judged real: see `discriminator_losses`."""
    if objective == "cross_entropy":
        return binary_cross_entropy(fake_logits, 1.0, pooling)
    fake = _pooled(fake_logits, pooling)
    if objective == "least_squares":
        return jnp.mean(jnp.square(fake - 1))
    return -jnp.mean(fake)


def _pooled(logits: Float[Array, "batch height width 1"], pooling: Pooling) -> Array:
    return jnp.mean(logits, axis=(1, 2, 3)) if pooling == "mean" else logits


def pixel_loss(
    generated: Float[Array, "batch height width channels"],
    truth: Float[Array, "batch height width channels"],
    space: PixelSpace = "rgb",
) -> Float[Array, ""]:
    """The pixel-level loss: mean |y - G(x)|.

    Args:
        generated: pictures in [-1, 1].
        truth: pictures in [-1, 1].
        space: "rgb" compares the pictures as they are; "lab" compares lightness and the two
            opponent colours of CIELAB, in units of 50, so that lightness spans [-1, 1] too.
    """
    if space == "lab":
        return jnp.mean(jnp.abs(lab(truth) - lab(generated))) / 50
    return jnp.mean(jnp.abs(truth - generated))


# IEC 61966-2-1: linear sRGB to CIE XYZ, each row in units of the white point D65.
_XYZ = np.array(
    [[0.412453, 0.357580, 0.180423], [0.212671, 0.715160, 0.072169], [0.019334, 0.119193, 0.950227]]
)
_XYZ = (_XYZ / _XYZ.sum(axis=1, keepdims=True)).astype(np.float32)


def lab(
    pictures: Float[Array, "batch height width 3"],
) -> Float[Array, "batch height width 3"]:
    """Converts sRGB in [-1, 1] to CIELAB under D65: lightness in [0, 100], a and b about +-100."""
    rgb = jnp.clip((pictures + 1) / 2, 0, 1)
    dark = rgb <= 0.04045
    # Both branches of a `where` are differentiated: neither may see what is not its own.
    linear = jnp.where(dark, rgb / 12.92, ((jnp.where(dark, 1.0, rgb) + 0.055) / 1.055) ** 2.4)
    # Accelerators would round the factors, in front of a root that is steep where it is dark.
    xyz = jnp.matmul(linear, _XYZ.T, precision="highest")
    low = xyz <= (6 / 29) ** 3
    root = jnp.where(low, xyz / (3 * (6 / 29) ** 2) + 4 / 29, jnp.cbrt(jnp.where(low, 1.0, xyz)))
    x, y, z = root[..., 0], root[..., 1], root[..., 2]
    return jnp.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1)


def feature_loss(
    generated_features: Float[Array, "batch height width channels"],
    true_features: Float[Array, "batch height width channels"],
) -> Float[Array, ""]:
    """The feature-level loss: the L2 norm of phi(y) - phi(G(x)), one norm an image, averaged."""
    difference = true_features - generated_features
    return jnp.mean(_root(jnp.sum(jnp.square(difference), axis=(1, 2, 3))))


def total_variation_loss(
    generated: Float[Array, "batch height width channels"],
) -> Float[Array, ""]:
    """The root of the summed squared differences of neighbours, one root an image, averaged."""
    vertical = generated[:, 1:] - generated[:, :-1]
    horizontal = generated[:, :, 1:] - generated[:, :, :-1]
    return jnp.mean(
        _root(
            jnp.sum(jnp.square(vertical), axis=(1, 2, 3))
            + jnp.sum(jnp.square(horizontal), axis=(1, 2, 3))
        )
    )


def _root(squares: Float[Array, " batch"]) -> Float[Array, " batch"]:
    """The square root, with gradient 0 instead of NaN where a sum of squares is 0."""
    positive = squares > 0
    return jnp.where(positive, jnp.sqrt(jnp.where(positive, squares, 1.0)), 0.0)
