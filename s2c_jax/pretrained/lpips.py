"""LPIPS, a perceptual distance between pictures: the VGG16 variant, version 0.1.

Zhang et al. 2018, The Unreasonable Effectiveness of Deep Features as a Perceptual Metric.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from s2c_jax.pretrained import vgg16, weight_files

# The output channels of VGG16's five blocks.
_CHANNELS = (64, 128, 256, 512, 512)
# Added to the length of a pixel's activations, so that all-zero activations stay 0. The value is
# that of the authors' implementation.
_LENGTH_EPSILON = 1e-10


class Lpips(NamedTuple):
    """The frozen network, for RGB pictures in [-1, 1].

    Attributes:
        vgg: torchvision's VGG16 with all thirteen convolutions. Its scale and offset are the
            authors', (x - shift) / scale: ImageNet's mean and deviation in [-1, 1].
        linear: the weights of the channels of each block.
    """

    vgg: vgg16.Vgg16
    linear: tuple[Float[np.ndarray, " channels"], ...]


def load(vgg: vgg16.Vgg16, linear_file: str) -> Lpips:
    """Loads the linear weights and joins them with VGG16.

    Args:
        vgg: torchvision's VGG16 with all thirteen convolutions, from `vgg16.load_torchvision`. The
            linear weights were fitted to its activations; those of Keras's VGG16 differ.
        linear_file: weights/v0.1/vgg.pth of the package lpips as safetensors. The file of v0.0 has
            the same names and shapes and is not detected.

    Raises:
        UserError: see `weight_files.read_safetensors`.
    """
    shapes = {f"lin{i}.model.1.weight": (1, c, 1, 1) for i, c in enumerate(_CHANNELS)}
    content = "LPIPS's linear weights for VGG16"
    tensors = weight_files.read_safetensors(linear_file, content, shapes)
    return Lpips(vgg, tuple(tensors[name].reshape(-1) for name in shapes))


def distance(
    network: Lpips, a: Float[Array, "batch height width 3"], b: Float[Array, "batch height width 3"]
) -> Float[Array, " batch"]:
    """Returns the distance of each pair, which is 0 for equal pictures.

    The formula is the paper's equation 1; the linear weights are the squares of its w.

    Args:
        network: from `load`.
        a: RGB in [-1, 1], with sides of at least 16.
        b: the pictures to compare with, likewise.
    """
    # Accelerators round the factors of products by default, and a metric must not depend on the
    # device.
    with jax.default_matmul_precision("highest"):
        blocks = vgg16.block_activations(network.vgg, jnp.concatenate([a, b]))
    total = jnp.zeros(len(a))
    for x, linear in zip(blocks, network.linear, strict=True):
        length = jnp.sqrt(jnp.square(x).sum(axis=-1, keepdims=True))
        unit_a, unit_b = jnp.split(x / (length + _LENGTH_EPSILON), 2)
        total += (jnp.square(unit_a - unit_b) * linear).sum(axis=-1).mean(axis=(1, 2))
    return total
