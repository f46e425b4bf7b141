"""VGG16, frozen: its first four convolutions are the phi of the feature-level loss.

All thirteen are LPIPS's, see `s2c_jax.models.lpips`.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import flax.linen as nn
import jax.numpy as jnp
import numpy as np
from jax.typing import DTypeLike
from jaxtyping import Array, Float

from s2c_jax.errors import UserError
from s2c_jax.models.convolution import xla
from s2c_jax.pretrained import weight_files
from s2c_jax.pretrained.weight_files import ConvWeights

KERAS_FILE = "vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5"


_KERAS_URL = f"https://storage.googleapis.com/tensorflow/keras-applications/vgg16/{KERAS_FILE}"


# As keras.applications publishes it.
_KERAS_HASH = "md5:6d6bbae143d832006294945121d1f1fc"


# Simonyan and Zisserman 2015, table 1, column D: the names in Keras and in torchvision, and the
# channels in and out.
_LAYERS = (
    ("block1_conv1", "features.0", 3, 64),
    ("block1_conv2", "features.2", 64, 64),
    ("block2_conv1", "features.5", 64, 128),
    ("block2_conv2", "features.7", 128, 128),
    ("block3_conv1", "features.10", 128, 256),
    ("block3_conv2", "features.12", 256, 256),
    ("block3_conv3", "features.14", 256, 256),
    ("block4_conv1", "features.17", 256, 512),
    ("block4_conv2", "features.19", 512, 512),
    ("block4_conv3", "features.21", 512, 512),
    ("block5_conv1", "features.24", 512, 512),
    ("block5_conv2", "features.26", 512, 512),
    ("block5_conv3", "features.28", 512, 512),
)


# Up to the activations that the loss compares.
_LOSS_LAYERS = _LAYERS[:4]


# The places in `_LAYERS` in front of which activations are pooled.
_POOLED = (2, 4, 7, 10)


# ImageNet's colours as the two sets of weights were trained with, RGB: Keras's take levels of
# [0, 255] less a mean, torchvision's levels of [0, 1] less a mean in units of their deviation.
_KERAS_MEAN = np.array([123.68, 116.779, 103.939], np.float32)


_TORCH_MEAN = np.array([0.485, 0.456, 0.406], np.float32)


_TORCH_DEVIATION = np.array([0.229, 0.224, 0.225], np.float32)


class DownloadError(UserError):
    """Keras's file cannot be fetched."""


class Vgg16(NamedTuple):
    """The frozen network, for RGB pictures in [-1, 1].

    Attributes:
        scale: what each colour is multiplied with first.
        offset: what is then added to it.
        convs: the first four convolutions, or all thirteen.
    """

    scale: Float[np.ndarray, "3"]
    offset: Float[np.ndarray, "3"]
    convs: tuple[ConvWeights, ...]


def load(source: str) -> Vgg16:
    """Returns the network with the weights that a setting names.

    Args:
        source: a file of Keras (`KERAS_FILE`) or torchvision (VGG16's state as safetensors), told
            apart by content; "download", which is Keras's file, fetched once; or "random", see
            `random`.

    Raises:
        UserError: the file is not there, is of neither kind, is damaged or holds other shapes, or
            a package is missing.
    """
    if source == "random":
        return random()
    path = _fetch() if source == "download" else Path(os.path.expanduser(source))
    with weight_files.reading(path, "VGG16"):
        kind = weight_files.kind(path)
        if kind == "HDF5":
            return _read_keras(path)
        if kind == "unknown":
            raise UserError(
                f"{path} is neither HDF5, as Keras's {KERAS_FILE} is, nor "
                "safetensors, as torchvision's VGG16 is published"
            )
    return load_torchvision(path, len(_LOSS_LAYERS))


def load_torchvision(file: str | Path, num_convs: int = len(_LAYERS)) -> Vgg16:
    """Returns the network from torchvision's VGG16 as safetensors.

    Args:
        file: the file's path.
        num_convs: how many convolutions, from the first one on.

    Raises:
        UserError: see `s2c_jax.models.weights.read_safetensors`. Keras's file is of another kind.
    """
    shapes: dict[str, tuple[int, ...]] = {}
    for _, name, inputs, outputs in _LAYERS[:num_convs]:
        shapes |= {f"{name}.weight": (outputs, inputs, 3, 3), f"{name}.bias": (outputs,)}
    tensors = weight_files.read_safetensors(file, "torchvision's VGG16", shapes)
    return _torch_scaled(
        [
            ConvWeights(
                weight_files.torch_kernel(tensors[f"{name}.weight"]), tensors[f"{name}.bias"]
            )
            for _, name, _, _ in _LAYERS[:num_convs]
        ]
    )


def random(seed: int = 0) -> Vgg16:
    """Returns a stand-in for machines without a file: random filters instead of ImageNet's.

    Its activations depend on edges and colours of a neighbourhood, as those of any convolutions do,
    but on nothing that was learned. The kernels are drawn from N(0, 2 / inputs) (He et al. 2015,
    equation 10), which keeps the size of activations from layer to layer.

    Args:
        seed: where the kernels come from. The same seed is the same network on any machine.
    """
    generator = np.random.default_rng(seed)
    convs = []
    for _, _, inputs, outputs in _LOSS_LAYERS:
        kernel = generator.standard_normal((3, 3, inputs, outputs), np.float32)
        kernel *= np.float32(np.sqrt(2 / (9 * inputs)))
        convs.append(ConvWeights(kernel, np.zeros(outputs, np.float32)))
    return _torch_scaled(convs)


def features(
    network: Vgg16,
    pictures: Float[Array, "batch height width 3"],
    dtype: DTypeLike = jnp.float32,
) -> Float[Array, "batch height//2 width//2 128"]:
    """Returns block2_conv2's activations after its ReLU, float32.

    Args:
        network: from `load`.
        pictures: RGB in [-1, 1].
        dtype: what it computes in.
    """
    return block_activations(network, pictures, dtype)[1].astype(jnp.float32)


def block_activations(
    network: Vgg16,
    pictures: Float[Array, "batch height width 3"],
    dtype: DTypeLike = jnp.float32,
) -> list[Float[Array, "batch _ _ _"]]:
    """Returns the activations that each block ends with, after the ReLU and before the pooling.

    Args:
        network: from `load` or `load_torchvision`.
        pictures: RGB in [-1, 1].
        dtype: what it computes in.
    """
    blocks = []
    x = (pictures * network.scale + network.offset).astype(dtype)
    for i, (kernel, bias) in enumerate(network.convs):
        if i in _POOLED:
            blocks.append(x)
            x = nn.max_pool(x, (2, 2), (2, 2))
        # The weights are frozen, and the input's gradient of a dense convolution is a dense
        # convolution, which XLA runs well everywhere: patches would cost nine times the memory.
        x = nn.relu(xla.conv(x, jnp.asarray(kernel, dtype), 1, 1) + jnp.asarray(bias, dtype))
    return [*blocks, x]


def _fetch() -> Path:
    """Downloads Keras's file into the user's cache, unless it is there already."""
    try:
        import pooch
    except ImportError:
        raise UserError("'download' needs the package pooch: pip install 's2c_jax[vgg]'") from None
    try:
        return Path(
            pooch.retrieve(
                _KERAS_URL, _KERAS_HASH, fname=KERAS_FILE, path=pooch.os_cache("s2c_jax")
            )
        )
    except (OSError, ValueError) as error:
        raise DownloadError(
            f"'download' could not fetch {_KERAS_URL} ({error}): fetch it on another machine and "
            "give its path"
        ) from None


def _read_keras(path: Path) -> Vgg16:
    import h5py

    convs = []
    with h5py.File(path) as file:
        for name, _, inputs, outputs in _LOSS_LAYERS:
            # Keras's versions name a layer's arrays differently; their ranks do not change.
            arrays = {array.ndim: np.asarray(array, np.float32) for array in _arrays(file[name])}
            if set(arrays) != {1, 4}:
                raise ValueError(f"{name} has no kernel and bias")
            expected = (3, 3, inputs, outputs), (outputs,)
            if (arrays[4].shape, arrays[1].shape) != expected:
                raise ValueError(
                    f"{name} has shapes {arrays[4].shape} and {arrays[1].shape}, not "
                    f"{expected[0]} and {expected[1]}, in the order height, width, in, out"
                )
            convs.append(ConvWeights(arrays[4], arrays[1]))
    # Keras's first layer takes blue, green, red.
    convs[0] = convs[0]._replace(kernel=np.ascontiguousarray(convs[0].kernel[:, :, ::-1]))
    return Vgg16(np.full(3, 127.5, np.float32), 127.5 - _KERAS_MEAN, tuple(convs))


def _arrays(group: Any) -> Iterator[Any]:
    for item in group.values():
        yield from [item] if hasattr(item, "shape") else _arrays(item)


def _torch_scaled(convs: list[ConvWeights]) -> Vgg16:
    scale = 0.5 / _TORCH_DEVIATION
    return Vgg16(scale, (0.5 - _TORCH_MEAN) / _TORCH_DEVIATION, tuple(convs))
