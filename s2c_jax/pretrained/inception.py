"""InceptionV3 as the Fréchet Inception distance uses it: TensorFlow's network of 2015.

Szegedy et al. 2016, Rethinking the Inception Architecture for Computer Vision. The layers have the
names of the package pytorch-fid, which published these weights for PyTorch. The network differs
from torchvision's in its weights and in three things: average pooling leaves the padding out, the
last block has a max pooling instead of an average pooling, and there are 1008 classes.
"""

import functools
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from s2c_jax.pretrained import weight_files
from s2c_jax.pretrained.weight_files import ConvWeights

# The length of a picture's feature vector.
FEATURE_SIZE = 2048
# The side in pixels of the pictures that the network was trained on.
_SIDE = 299
# Added to a variance before batch normalisation divides by its root, as in TensorFlow's network.
_BATCH_NORM_EPSILON = 0.001
_BATCH_NORM_PARTS = ("weight", "bias", "running_mean", "running_var")


class _Layer(NamedTuple):
    """A convolution without bias, batch normalisation and ReLU; "SAME" pads with zeros."""

    name: str
    outputs: int
    size: tuple[int, int] = (1, 1)
    stride: int = 1
    padding: str = "SAME"


_average_pool = functools.partial(
    nn.avg_pool, window_shape=(3, 3), padding="SAME", count_include_pad=False
)
_max_pool = functools.partial(nn.max_pool, window_shape=(3, 3), padding="SAME")
_downsample = functools.partial(nn.max_pool, window_shape=(3, 3), strides=(2, 2))

# The layers and poolings of a branch, in order. All branches of a block take the block's input, and
# their outputs are concatenated. XLA computes a layer once that two branches share.
_Branch = tuple[_Layer | Callable[[Array], Array], ...]
_Block = tuple[_Branch, ...]


def _chain(name: str, *layers: tuple[Any, ...]) -> _Branch:
    """Returns layers with the names name_1, name_2 and so on."""
    return tuple(_Layer(f"{name}_{i}", *layer) for i, layer in enumerate(layers, 1))


_STEM: _Block = (
    (
        _Layer("Conv2d_1a_3x3", 32, (3, 3), 2, "VALID"),
        _Layer("Conv2d_2a_3x3", 32, (3, 3), 1, "VALID"),
        _Layer("Conv2d_2b_3x3", 64, (3, 3)),
        _downsample,
        _Layer("Conv2d_3b_1x1", 80),
        _Layer("Conv2d_4a_3x3", 192, (3, 3), 1, "VALID"),
        _downsample,
    ),
)


def _block_35(pooled: int) -> _Block:
    """Returns a block at 35x35 pixels, after figure 5; `pooled` is the pool branch's channels."""
    return (
        (_Layer("branch1x1", 64),),
        _chain("branch5x5", (48,), (64, (5, 5))),
        _chain("branch3x3dbl", (64,), (96, (3, 3)), (96, (3, 3))),
        (_average_pool, _Layer("branch_pool", pooled)),
    )


_BLOCK_35_TO_17: _Block = (
    (_Layer("branch3x3", 384, (3, 3), 2, "VALID"),),
    _chain("branch3x3dbl", (64,), (96, (3, 3)), (96, (3, 3), 2, "VALID")),
    (_downsample,),
)


def _block_17(inner: int) -> _Block:
    """Returns a block at 17x17 pixels (figure 6); `inner` is the channels within its branches."""
    row, column = (1, 7), (7, 1)
    return (
        (_Layer("branch1x1", 192),),
        _chain("branch7x7", (inner,), (inner, row), (192, column)),
        _chain(
            "branch7x7dbl", (inner,), (inner, column), (inner, row), (inner, column), (192, row)
        ),
        (_average_pool, _Layer("branch_pool", 192)),
    )


_BLOCK_17_TO_8: _Block = (
    _chain("branch3x3", (192,), (320, (3, 3), 2, "VALID")),
    _chain("branch7x7x3", (192,), (192, (1, 7)), (192, (7, 1)), (192, (3, 3), 2, "VALID")),
    (_downsample,),
)


def _block_8(pool: Callable[[Array], Array]) -> _Block:
    """Returns a block at 8x8 pixels (figure 7)."""
    narrow, wide = _chain("branch3x3", (384,)), _chain("branch3x3dbl", (448,), (384, (3, 3)))
    return (
        (_Layer("branch1x1", 320),),
        (*narrow, _Layer("branch3x3_2a", 384, (1, 3))),
        (*narrow, _Layer("branch3x3_2b", 384, (3, 1))),
        (*wide, _Layer("branch3x3dbl_3a", 384, (1, 3))),
        (*wide, _Layer("branch3x3dbl_3b", 384, (3, 1))),
        (pool, _Layer("branch_pool", 192)),
    )


# Each block, and the prefix of its layers' names.
_NETWORK: tuple[tuple[str, _Block], ...] = (
    ("", _STEM),
    ("Mixed_5b.", _block_35(32)),
    ("Mixed_5c.", _block_35(64)),
    ("Mixed_5d.", _block_35(64)),
    ("Mixed_6a.", _BLOCK_35_TO_17),
    ("Mixed_6b.", _block_17(128)),
    ("Mixed_6c.", _block_17(160)),
    ("Mixed_6d.", _block_17(160)),
    ("Mixed_6e.", _block_17(192)),
    ("Mixed_7a.", _BLOCK_17_TO_8),
    ("Mixed_7b.", _block_8(_average_pool)),
    ("Mixed_7c.", _block_8(_max_pool)),
)


def load(file: str) -> dict[str, ConvWeights]:
    """Returns the network: each layer by name, its batch normalisation folded into its convolution.

    Args:
        file: pytorch-fid's pt_inception-2015-12-05-6726825d.pth as safetensors.

    Raises:
        UserError: see `weight_files.read_safetensors`.
    """
    kernels = {name: (layer.outputs, inputs, *layer.size) for name, layer, inputs in _layers()}
    # The last layer is unused, but its number of classes tells this network from torchvision's.
    shapes: dict[str, tuple[int, ...]] = {"fc.bias": (1008,)}
    for name, shape in kernels.items():
        shapes[f"{name}.conv.weight"] = shape
        shapes |= {f"{name}.bn.{part}": shape[:1] for part in _BATCH_NORM_PARTS}
    tensors = weight_files.read_safetensors(file, "FID's InceptionV3", shapes)
    network = {}
    for name in kernels:
        kernel = weight_files.convert_torch_kernel(tensors[f"{name}.conv.weight"])
        scale, bias, mean, var = (
            tensors[f"{name}.bn.{part}"].astype(np.float64) for part in _BATCH_NORM_PARTS
        )
        scale /= np.sqrt(var + _BATCH_NORM_EPSILON)
        network[name] = ConvWeights(
            (kernel * scale).astype(np.float32), (bias - mean * scale).astype(np.float32)
        )
    return network


def features(
    network: dict[str, ConvWeights], pictures: Float[Array, "batch height width 3"]
) -> Float[Array, "batch 2048"]:
    """Returns the average of the last block's activations over all pixels (TensorFlow's pool3).

    Pictures of another size are first interpolated to 299x299: bilinearly between the centres of
    pixels, without antialiasing when they shrink.

    Args:
        network: from `load`.
        pictures: RGB in [-1, 1].
    """
    shape = (len(pictures), _SIDE, _SIDE, 3)
    x = jax.image.resize(pictures, shape, "bilinear", antialias=False)
    # Accelerators round the factors of products by default, and a metric must not depend on the
    # device.
    with jax.default_matmul_precision("highest"):
        for prefix, block in _NETWORK:
            x = jnp.concatenate([_apply(network, prefix, branch, x) for branch in block], axis=-1)
    return x.mean(axis=(1, 2))


def _apply(network: dict[str, ConvWeights], prefix: str, branch: _Branch, x: Array) -> Array:
    """Applies a branch of the block whose layers' names begin with `prefix`."""
    for step in branch:
        if isinstance(step, _Layer):
            x = nn.relu(network[prefix + step.name].convolve(x, step.stride, step.padding))
        else:
            x = step(x)
    return x


def _layers() -> Iterator[tuple[str, _Layer, int]]:
    """Yields each layer's name, the layer and its input channels; a shared layer comes twice."""
    block_inputs = 3
    for prefix, block in _NETWORK:
        block_outputs = 0
        for branch in block:
            channels = block_inputs
            for step in branch:
                if isinstance(step, _Layer):
                    yield prefix + step.name, step, channels
                    channels = step.outputs
            block_outputs += channels
        block_inputs = block_outputs
