"""VGG16, frozen (Simonyan & Zisserman 2015).

Its first four convolutions are the phi of the feature-level loss; LPIPS uses all thirteen.
"""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import flax.linen as nn
import jax.numpy as jnp
import numpy as np
from jax.typing import DTypeLike
from jaxtyping import Array, Float

from s2c_jax.errors import UserError, needs
from s2c_jax.pretrained import weight_files
from s2c_jax.pretrained.weight_files import ConvWeights

# The weights that keras.applications publishes, their address and their checksum.
KERAS_FILE = "vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5"
_KERAS_URL = f"https://storage.googleapis.com/tensorflow/keras-applications/vgg16/{KERAS_FILE}"
_KERAS_HASH = "md5:6d6bbae143d832006294945121d1f1fc"

# The convolutions of table 1, column D: names in Keras and torchvision, input and output channels.
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
# The layers up to block2_conv2, whose activations the feature-level loss compares.
_LOSS_LAYERS = _LAYERS[:4]
# The indices in `_LAYERS` of the convolutions that a max pooling precedes.
_POOLED = (2, 4, 7, 10)

# The normalisation of RGB that each publisher trained with. Keras subtracts a mean from levels in
# [0, 255]; torchvision subtracts a mean from values in [0, 1] and divides by a standard deviation.
_KERAS_MEAN = np.array([123.68, 116.779, 103.939], np.float32)
_TORCH_MEAN = np.array([0.485, 0.456, 0.406], np.float32)
_TORCH_DEVIATION = np.array([0.229, 0.224, 0.225], np.float32)


class Vgg16(NamedTuple):
    """The frozen network, for RGB pictures in [-1, 1].

    Attributes:
        scale: the factor of each colour channel.
        offset: added to each colour channel after the multiplication.
        convs: the first four convolutions, or all thirteen.
    """

    scale: Float[np.ndarray, "3"]
    offset: Float[np.ndarray, "3"]
    convs: tuple[ConvWeights, ...]


def load(source: str) -> Vgg16:
    """Returns the network with the first four convolutions.

    Args:
        source: the path of Keras's file (`KERAS_FILE`) or of torchvision's VGG16 as safetensors,
            told apart by content; "download" for Keras's file, downloaded once; or "random" for
            `random`.

    Raises:
        UserError: the file is missing, damaged or of another network, or cannot be downloaded, or a
            package is missing.
    """
    if source == "random":
        return random()
    path = _download() if source == "download" else Path(os.path.expanduser(source))
    with weight_files.reading(path, "VGG16"):
        kind = weight_files.file_kind(path)
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
        file: the file's path; "~" is the home folder.
        num_convs: how many convolutions to load, from the first one on.

    Raises:
        UserError: see `weight_files.read_safetensors`.
    """
    shapes: dict[str, tuple[int, ...]] = {}
    for _, name, inputs, outputs in _LAYERS[:num_convs]:
        shapes |= {f"{name}.weight": (outputs, inputs, 3, 3), f"{name}.bias": (outputs,)}
    tensors = weight_files.read_safetensors(file, "torchvision's VGG16", shapes)
    convs = []
    for _, name, _, _ in _LAYERS[:num_convs]:
        kernel = weight_files.convert_torch_kernel(tensors[f"{name}.weight"])
        convs.append(ConvWeights(kernel, tensors[f"{name}.bias"]))
    return _with_torch_normalization(convs)


def random() -> Vgg16:
    """Returns a network with random filters instead of ImageNet's, which needs no file.

    Its activations depend on the edges and colours of a neighbourhood, but on nothing that was
    learned. The kernels are drawn from N(0, 2 / inputs) (He et al. 2015, equation 10), which keeps
    the size of activations from layer to layer. The network is the same on any machine.
    """
    generator = np.random.default_rng(0)
    convs = []
    for _, _, inputs, outputs in _LOSS_LAYERS:
        kernel = generator.standard_normal((3, 3, inputs, outputs), np.float32)
        kernel *= np.float32(np.sqrt(2 / (9 * inputs)))
        convs.append(ConvWeights(kernel, np.zeros(outputs, np.float32)))
    return _with_torch_normalization(convs)


def features(
    network: Vgg16, pictures: Float[Array, "batch height width 3"], dtype: DTypeLike = jnp.float32
) -> Float[Array, "batch height//2 width//2 128"]:
    """Returns the activations of block2_conv2 after its ReLU, float32.

    Args:
        network: from `load`.
        pictures: RGB in [-1, 1].
        dtype: the dtype of the computation.
    """
    return block_activations(network, pictures, dtype)[1].astype(jnp.float32)


def block_activations(
    network: Vgg16, pictures: Float[Array, "batch height width 3"], dtype: DTypeLike = jnp.float32
) -> list[Float[Array, "batch _ _ _"]]:
    """Returns the last activations of each block, after the ReLU and before the pooling.

    Args:
        network: from `load` or `load_torchvision`.
        pictures: RGB in [-1, 1].
        dtype: the dtype of the computation and of the result.
    """
    blocks = []
    x = (pictures * network.scale + network.offset).astype(dtype)
    for i, conv in enumerate(network.convs):
        if i in _POOLED:
            blocks.append(x)
            x = nn.max_pool(x, (2, 2), (2, 2))
        x = nn.relu(conv.convolve(x, 1, "SAME", dtype))
    return [*blocks, x]


def _download() -> Path:
    """Downloads Keras's file into the user's cache, unless it is there already."""
    with needs("vgg", "'download'"):
        import pooch
    try:
        cache = pooch.os_cache("s2c_jax")
        return Path(pooch.retrieve(_KERAS_URL, _KERAS_HASH, fname=KERAS_FILE, path=cache))
    except (OSError, ValueError) as error:
        raise UserError(
            f"'download' could not fetch {_KERAS_URL} ({error}): fetch it on another machine and "
            "give its path, or take 'random'"
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
            conv, shape = ConvWeights(arrays[4], arrays[1]), (3, 3, inputs, outputs)
            if (conv.kernel.shape, conv.bias.shape) != (shape, (outputs,)):
                raise ValueError(
                    f"{name} has shapes {conv.kernel.shape} and {conv.bias.shape}, not "
                    f"{shape} and {(outputs,)}, in the order height, width, in, out"
                )
            convs.append(conv)
    # Keras's first layer takes blue, green, red.
    convs[0] = convs[0]._replace(kernel=np.ascontiguousarray(convs[0].kernel[:, :, ::-1]))
    return Vgg16(np.full(3, 127.5, np.float32), 127.5 - _KERAS_MEAN, tuple(convs))


# h5py is optional and has no types: the argument is an h5py.Group, the results are h5py.Dataset.
def _arrays(group: Any) -> Iterator[Any]:
    """Yields all arrays of a group and of its subgroups."""
    for item in group.values():
        yield from [item] if hasattr(item, "shape") else _arrays(item)


def _with_torch_normalization(convs: Sequence[ConvWeights]) -> Vgg16:
    return Vgg16(0.5 / _TORCH_DEVIATION, (0.5 - _TORCH_MEAN) / _TORCH_DEVIATION, tuple(convs))
