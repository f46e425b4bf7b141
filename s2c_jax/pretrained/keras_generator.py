"""Reads a generator of this architecture from a file of Keras."""

import itertools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import PyTree

from s2c_jax.errors import UserError
from s2c_jax.models.layers import BATCH_NORM_EPSILON

# The default of Keras's BatchNormalization for what it adds to variances.
KERAS_EPSILON = 0.001

# The arrays of each class of layers, in the order in which Keras saves them.
_PARTS = {
    "conv2d": ("kernel", "bias"),
    "conv2d_transpose": ("kernel", "bias"),
    "batch_normalization": ("gamma", "beta", "moving_mean", "moving_variance"),
}

# An h5py.File, h5py.Group or h5py.Dataset: h5py is optional and has no types.
_Hdf5 = Any


class ArchitectureMismatch(UserError):
    """The file holds a generator with other layers or other shapes."""


class _Convolution(NamedTuple):
    """A convolution: its name in the file, its kernel in Keras's layout, and its bias if any."""

    name: str
    kernel: np.ndarray
    bias: np.ndarray | None


class _BatchNorm(NamedTuple):
    """A batch normalisation: its name in the file, and its four vectors."""

    name: str
    scale: np.ndarray
    bias: np.ndarray
    mean: np.ndarray
    var: np.ndarray


class _Layers(NamedTuple):
    """The layers of a file, each kind in the order in which data flows."""

    convolutions: list[_Convolution]
    norms: list[_BatchNorm]
    epsilon: float


def read_generator(path: Path, variables: PyTree, epsilon: float | None = None) -> PyTree:
    """Reads a generator's variables from Keras.

    The model must be the U-Net of `models.generator`: layers in the order in which data flows, each
    decoder layer's output concatenated in front of the encoder's, padding "same". The names of its
    layers do not matter, and convolutions may have no bias.

    Args:
        path: a model or its weights as Keras 2 and 3 save them: model.save("x.h5"),
            model.save_weights("x.h5") or, for a model without nested models, Keras 3's
            model.save_weights("x.weights.h5").
        variables: the generator's variables, for their names and shapes.
        epsilon: what the model's batch normalisation adds to variances. The difference to
            `layers.BATCH_NORM_EPSILON` is added to the variances. None takes the value from the
            file, or else `KERAS_EPSILON`.

    Returns:
        The collections "params" and "batch_stats", float32.

    Raises:
        ArchitectureMismatch: the file holds other layers or other shapes.
        UserError: the file is missing, or does not hold a Keras model.
    """
    convolutions, norms, epsilon = _read_layers(path, epsilon)
    expected, expected_stats = variables["params"], variables["batch_stats"]
    conv_names, norm_names = _layer_names(expected)
    if (len(convolutions), len(norms)) != (len(conv_names), len(norm_names)):
        raise ArchitectureMismatch(
            f"{path} holds {len(convolutions)} convolutions and {len(norms)} batch normalisations, "
            f"and the generator needs {len(conv_names)} and {len(norm_names)} (a model with nested "
            'models must be saved whole: model.save("generator.h5"))'
        )
    params, stats = {}, {}
    for name, convolution in zip(conv_names, convolutions, strict=True):
        params[name] = _convert_convolution(convolution, transposed="encoder" not in name)
        _check_shapes(path, convolution.name, name, params[name], expected[name])
    for name, norm in zip(norm_names, norms, strict=True):
        params[name] = {"scale": norm.scale, "bias": norm.bias}
        var = norm.var + np.float32(epsilon - BATCH_NORM_EPSILON)
        stats[name] = {"mean": norm.mean, "var": var}
        _check_shapes(path, norm.name, name, params[name], expected[name])
        _check_shapes(path, norm.name, name, stats[name], expected_stats[name])
    return {"params": params, "batch_stats": stats}


def _read_layers(path: Path, epsilon: float | None) -> _Layers:
    """Reads the layers, and the epsilon if it is None."""
    try:
        import h5py
    except ImportError:
        raise UserError("this needs the package h5py: pip install 's2c_jax[vgg]'") from None
    if not path.is_file():
        raise UserError(f"there is no file {path}")
    try:
        with h5py.File(path) as file:
            return _Layers(*_sort_arrays(file), _find_epsilon(file) if epsilon is None else epsilon)
    except OSError as error:
        raise UserError(f"{path} is not a readable HDF5 file ({error})") from None
    except (AttributeError, KeyError, RuntimeError, TypeError, ValueError) as error:
        # h5py raises different errors depending on where a file is damaged.
        raise UserError(f"{path} does not hold a Keras model ({error})") from None


def _layer_names(params: PyTree) -> tuple[list[str], list[str]]:
    """Returns the generator's names of convolutions and of batch normalisations, as data flows."""

    def position(name: str) -> tuple[int, int]:
        part, _, number = name.partition("_")
        return ("encoder", "decoder", "output").index(part), int(number.split("_")[-1] or 0)

    ordered = sorted(params, key=position)
    return [n for n in ordered if "kernel" in params[n]], [n for n in ordered if "_norm_" in n]


def _convert_convolution(convolution: _Convolution, transposed: bool) -> dict[str, np.ndarray]:
    kernel, bias = convolution.kernel, convolution.bias
    if transposed and kernel.ndim == 4:
        # Keras stores the kernel of a transposed convolution as [height, width, out, in].
        kernel = kernel.swapaxes(2, 3)
    if bias is None:
        bias = np.zeros(kernel.shape[-1], np.float32)
    return {"kernel": kernel, "bias": bias}


def _check_shapes(
    path: Path, name_in_file: str, name: str, arrays: dict[str, np.ndarray], expected: PyTree
) -> None:
    for part, array in arrays.items():
        if array.shape != expected[part].shape:
            raise ArchitectureMismatch(
                f"{path}: {name_in_file} has a {part} of shape {array.shape}, and the generator's "
                f"{name} needs {expected[part].shape}"
            )


def _sort_arrays(file: _Hdf5) -> tuple[list[_Convolution], list[_BatchNorm]]:
    """Returns the convolutions and the batch normalisations, each in the order of the layers."""
    by_part: dict[str, list[tuple[str, np.ndarray]]] = {}
    for name, part, array in _named_arrays(file):
        by_part.setdefault(part, []).append((name, np.asarray(array, np.float32)))
    biases = dict(by_part.get("bias", []))
    convolutions = [
        _Convolution(name, kernel, biases.get(name)) for name, kernel in by_part.get("kernel", [])
    ]
    vectors = [by_part.get(part, []) for part in _PARTS["batch_normalization"]]
    if len({len(of_part) for of_part in vectors}) != 1:
        raise ValueError("its batch normalisations lack some of their four vectors")
    norms = [
        _BatchNorm(name, gamma, beta, mean, variance)
        for (name, gamma), (_, beta), (_, mean), (_, variance) in zip(*vectors, strict=True)
    ]
    return convolutions, norms


def _named_arrays(file: _Hdf5) -> Iterator[tuple[str, str, _Hdf5]]:
    """Yields layer, part (such as kernel) and array, in the order of the layers."""
    if "layers" in file:
        yield from _keras3_arrays(file["layers"])
        return
    root = file.get("model_weights", file)
    if "layer_names" not in root.attrs:
        raise ValueError("it has neither layer_names nor layers")
    for layer in map(_text, root.attrs["layer_names"]):
        for weight in map(_text, root[layer].attrs["weight_names"]):
            owner, _, part = weight.rpartition("/")
            yield f"{layer}/{owner}", re.sub(r":\d+$", "", part), root[layer][weight]


def _keras3_arrays(layers: _Hdf5) -> Iterator[tuple[str, str, _Hdf5]]:
    """Yields the same from x.weights.h5: layers numbered within their class, arrays by number."""
    for kind, parts in _PARTS.items():
        for i in itertools.count():
            name = f"{kind}_{i}" if i else kind
            if name not in layers:
                break
            arrays = layers[name]["vars"]
            # A convolution without bias has only its first array.
            for part, index in zip(parts, sorted(arrays), strict=False):
                yield name, part, arrays[index]


def _text(name: bytes | str) -> str:
    return name.decode() if isinstance(name, bytes) else name


def _find_epsilon(file: _Hdf5) -> float:
    """Returns the batch normalisations' epsilon, which files of weights alone do not have."""
    if "model_config" not in file.attrs:
        return KERAS_EPSILON
    found = set(re.findall(r'"epsilon": ([0-9.e+-]+)', _text(file.attrs["model_config"])))
    if len(found) > 1:
        raise ValueError(
            f"its batch normalisations have different epsilons: {', '.join(sorted(found))}"
        )
    return float(found.pop()) if found else KERAS_EPSILON
