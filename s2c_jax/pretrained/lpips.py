"""LPIPS, a distance of pictures that was fitted to what people see: its VGG16 variant v0.1.

Zhang et al. 2018, The Unreasonable Effectiveness of Deep Features as a Perceptual Metric.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from s2c_jax.pretrained import vgg16, weight_files

# The channels that VGG16's blocks end with.
_CHANNELS = (64, 128, 256, 512, 512)


# What keeps a pixel without any activation at 0, as in the authors' implementation.
_EPSILON = 1e-10


class Lpips(NamedTuple):
    """The frozen network, for RGB pictures in [-1, 1].

    Attributes:
        vgg: all thirteen convolutions with torchvision's weights. Its scale and offset are the
            authors' too: theirs, (x - shift) / scale, are ImageNet's mean and deviation in [-1, 1].
        linear: for each block, what its channels count.
    """

    vgg: vgg16.Vgg16
    linear: tuple[Float[np.ndarray, " channels"], ...]


def load(vgg: vgg16.Vgg16, linear_file: str) -> Lpips:
    """Returns the network.

    Args:
        vgg: torchvision's VGG16 with all thirteen convolutions, from `vgg16.load_torchvision`. The
            linear weights were fitted to its activations; those of Keras's VGG16 differ.
        linear_file: weights/v0.1/vgg.pth of the package lpips as safetensors. Nothing tells it from
            v0.0, whose weights have the same names and shapes.

    Raises:
        UserError: a file is not there, is of another kind, is damaged, lacks a layer or holds other
            shapes, or a package is missing.
    """
    shapes = {f"lin{i}.model.1.weight": (1, c, 1, 1) for i, c in enumerate(_CHANNELS)}
    content = "LPIPS's linear weights for VGG16"
    tensors = weight_files.read_safetensors(linear_file, content, shapes)
    return Lpips(vgg, tuple(tensors[name].reshape(-1) for name in shapes))


def distance(
    network: Lpips,
    a: Float[Array, "batch height width 3"],
    b: Float[Array, "batch height width 3"],
) -> Float[Array, " batch"]:
    """Returns the distance of each pair: 0 for equal pictures.

    It is the article's equation 1, whose w, squared, are the linear weights.

    Args:
        network: from `load`.
        a: RGB in [-1, 1], with sides of at least 16.
        b: the pictures to compare with.
    """
    # Accelerators round the factors of products unless asked: a metric's numbers must not depend on
    # where it ran.
    with jax.default_matmul_precision("highest"):
        blocks = vgg16.block_activations(network.vgg, jnp.concatenate([a, b]))
    total = jnp.zeros(len(a))
    for activations, linear in zip(blocks, network.linear, strict=True):
        one, other = jnp.split(_unit(activations), 2)
        total += (jnp.square(one - other) * linear).sum(axis=-1).mean(axis=(1, 2))
    return total


def _unit(x: Float[Array, "batch height width c"]) -> Float[Array, "batch height width c"]:
    """Scales each pixel's activations to length 1."""
    return x / (jnp.sqrt(jnp.square(x).sum(axis=-1, keepdims=True)) + _EPSILON)
