"""Reads a generator from a file of Keras."""

import itertools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import PyTree

from s2c_jax.errors import UserError
from s2c_jax.models.layers import BATCH_NORM_EPSILON
from s2c_jax.pretrained import weight_files

# Keras's BatchNormalization adds this to variances by default.
KERAS_EPSILON = 0.001
# The arrays of each class of layers, in the order in which Keras saves them.
_NORM_PARTS = ("gamma", "beta", "moving_mean", "moving_variance")
_PARTS = {
    "conv2d": ("kernel", "bias"),
    "conv2d_transpose": ("kernel", "bias"),
    "batch_normalization": _NORM_PARTS,
}

# An h5py.File, h5py.Group or h5py.Dataset: h5py is optional and has no types.
_Hdf5 = Any


# Each part's arrays with the names of their layers in the file, in the order in which data flows.
_Arrays = dict[str, list[tuple[str, np.ndarray]]]


class ArchitectureMismatch(UserError):
    """The file holds a generator with other layers or other shapes."""


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
    with weight_files.reading(path, "a Keras model"):
        import h5py

        with h5py.File(path) as file:
            arrays = _read_arrays(file)
            if epsilon is None:
                epsilon = _find_epsilon(file)
    expected, expected_stats = variables["params"], variables["batch_stats"]
    conv_names, norm_names = _layer_names(expected)
    kernels, biases = arrays["kernel"], dict(arrays["bias"])
    norms = list(zip(*(arrays[part] for part in _NORM_PARTS), strict=True))
    if (len(kernels), len(norms)) != (len(conv_names), len(norm_names)):
        raise ArchitectureMismatch(
            f"{path} holds {len(kernels)} convolutions and {len(norms)} batch normalisations, "
            f"and the generator needs {len(conv_names)} and {len(norm_names)} (a model with nested "
            'models must be saved whole: model.save("generator.h5"))'
        )
    params, stats = {}, {}
    for name, (name_in_file, kernel) in zip(conv_names, kernels, strict=True):
        if "encoder" not in name and kernel.ndim == 4:
            # Keras stores the kernel of a transposed convolution as [height, width, out, in].
            kernel = kernel.swapaxes(2, 3)
        bias = biases.get(name_in_file, np.zeros(kernel.shape[-1], np.float32))
        params[name] = {"kernel": kernel, "bias": bias}
        _check_shapes(path, name_in_file, name, params[name], expected[name])
    for name, ((name_in_file, scale), (_, bias), (_, mean), (_, var)) in zip(
        norm_names, norms, strict=True
    ):
        params[name] = {"scale": scale, "bias": bias}
        stats[name] = {"mean": mean, "var": var + np.float32(epsilon - BATCH_NORM_EPSILON)}
        _check_shapes(path, name_in_file, name, params[name], expected[name])
        _check_shapes(path, name_in_file, name, stats[name], expected_stats[name])
    return {"params": params, "batch_stats": stats}


def _layer_names(params: PyTree) -> tuple[list[str], list[str]]:
    """Returns the generator's names of convolutions and of batch normalisations, as data flows."""

    def position(name: str) -> tuple[int, int]:
        part, _, number = name.partition("_")
        return ("encoder", "decoder", "output").index(part), int(number.split("_")[-1] or 0)

    ordered = sorted(params, key=position)
    return [n for n in ordered if "kernel" in params[n]], [n for n in ordered if "_norm_" in n]


def _check_shapes(
    path: Path, name_in_file: str, name: str, arrays: dict[str, np.ndarray], expected: PyTree
) -> None:
    for part, array in arrays.items():
        if array.shape != expected[part].shape:
            raise ArchitectureMismatch(
                f"{path}: {name_in_file} has a {part} of shape {array.shape}, and the generator's "
                f"{name} needs {expected[part].shape}"
            )


def _read_arrays(file: _Hdf5) -> _Arrays:
    arrays: _Arrays = {part: [] for part in ("kernel", "bias", *_NORM_PARTS)}
    for name, part, array in _named_arrays(file):
        arrays.setdefault(part, []).append((name, np.asarray(array, np.float32)))
    if len({len(arrays[part]) for part in _NORM_PARTS}) != 1:
        raise ValueError("its batch normalisations lack some of their four vectors")
    return arrays


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
