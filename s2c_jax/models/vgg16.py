"""The first four convolutions of VGG16, the frozen phi of the feature-level loss."""

from pathlib import Path
from typing import Any, TypedDict

import flax.linen as nn
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from s2c_jax.errors import UserError
from s2c_jax.models.layers import conv_native

# Simonyan and Zisserman 2015, table 1, column D, up to the activations that the loss compares.
_LAYERS = {
    "block1_conv1": (3, 64),
    "block1_conv2": (64, 64),
    "block2_conv1": (64, 128),
    "block2_conv2": (128, 128),
}
# The ImageNet means that Keras's weights were trained with, in their order: blue, green, red.
_MEAN_BGR = np.array([103.939, 116.779, 123.68], np.float32)


class ConvWeights(TypedDict):
    """One layer's weights: kernel (3, 3, in, out) and bias (out,), float32."""

    kernel: np.ndarray
    bias: np.ndarray


def load_weights(path: str | Path) -> dict[str, ConvWeights]:
    """Reads the four layers from Keras's `vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5`.

    Args:
        path: the file; it may hold more layers, they are not read.

    Returns:
        The weights by layer name.

    Raises:
        UserError: h5py is not installed, or the file is missing, no HDF5, or holds other shapes.
    """
    try:
        import h5py
    except ImportError:
        raise UserError(
            "loss.feature_weights needs the package h5py: pip install 's2c_jax[vgg]'"
        ) from None
    path = Path(path).expanduser()
    if not path.is_file():
        raise UserError(f"loss.feature_weights: there is no file {path}")
    try:
        with h5py.File(path) as file:
            return {name: _read_layer(file, name, *shape) for name, shape in _LAYERS.items()}
    except OSError as error:
        raise UserError(
            f"loss.feature_weights: {path} is not a readable HDF5 file ({error})"
        ) from None
    except (KeyError, ValueError) as error:
        raise UserError(
            f"loss.feature_weights: {path} does not hold VGG16 in Keras's layout ({error})"
        ) from None


def features(
    weights: dict[str, ConvWeights], pictures: Float[Array, "batch height width 3"]
) -> Float[Array, "batch height//2 width//2 128"]:
    """Returns block2_conv2's activations after its ReLU.

    Args:
        weights: from `load_weights`.
        pictures: RGB in [-1, 1].
    """
    x = (pictures[..., ::-1] + 1) * 127.5 - _MEAN_BGR
    for name in _LAYERS:
        if name == "block2_conv1":
            x = nn.max_pool(x, (2, 2), (2, 2))
        layer = weights[name]
        # The weights are frozen, and the input's gradient of a dense convolution is a dense
        # convolution, which XLA runs well everywhere: patches would cost nine times the memory.
        x = nn.relu(conv_native(x, jnp.asarray(layer["kernel"]), 1, 1) + layer["bias"])
    return x


def _read_layer(file: Any, name: str, inputs: int, outputs: int) -> ConvWeights:
    """Finds a layer's kernel and bias by their rank: Keras's versions name them differently."""
    by_rank: dict[int, np.ndarray] = {}

    def collect(_: str, item: Any) -> None:
        if hasattr(item, "shape"):
            by_rank[item.ndim] = np.asarray(item, np.float32)

    file[name].visititems(collect)
    if set(by_rank) != {1, 4}:
        raise ValueError(f"{name} has no kernel and bias")
    kernel, bias = by_rank[4], by_rank[1]
    if kernel.shape != (3, 3, inputs, outputs) or bias.shape != (outputs,):
        raise ValueError(
            f"{name} has shapes {kernel.shape} and {bias.shape}, "
            f"not {(3, 3, inputs, outputs)} and {(outputs,)}"
        )
    return ConvWeights(kernel=kernel, bias=bias)
