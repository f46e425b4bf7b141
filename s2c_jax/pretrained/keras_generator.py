"""Reads a generator of this architecture from a file of Keras."""

import itertools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import PyTree

from s2c_jax.errors import UserError
from s2c_jax.models.layers import EPSILON

KERAS_EPSILON = 0.001


class Convolution(NamedTuple):
    """A layer's kernel in Keras's layout, its bias if it has one, and its name in the file."""

    kernel: np.ndarray
    bias: np.ndarray | None
    name: str


class Norm(NamedTuple):
    """A batch norm's four vectors and its name in the file."""

    scale: np.ndarray
    bias: np.ndarray
    mean: np.ndarray
    var: np.ndarray
    name: str


def read_generator(path: Path, variables: PyTree, epsilon: float | None = None) -> PyTree:
    """Reads a generator's variables from Keras.

    The model is the U-Net of `models.generator`: layers in the order in which data flows, each
    decoder layer's output concatenated in front of the encoder's, padding "same". Its names do not
    matter, and convolutions may be without bias.

    Args:
        path: a model or its weights as Keras 2 and 3 save them: model.save("x.h5"),
            model.save_weights("x.h5") or, of a model without nested parts, Keras 3's
            model.save_weights("x.weights.h5").
        variables: the generator's, for their shapes.
        epsilon: what the model's batch norm adds to variances. It becomes part of the variances,
            since it is `layers.EPSILON` here. None is what the file says, or Keras's default.

    Returns:
        The collections "params" and "batch_stats", float32.

    Raises:
        UserError: the file is no such file, or holds other layers or shapes.
    """
    try:
        import h5py
    except ImportError:
        raise UserError("this needs the package h5py: pip install 's2c_jax[vgg]'") from None
    if not path.is_file():
        raise UserError(f"there is no file {path}")
    try:
        with h5py.File(path) as file:
            convolutions, norms = _layers(file)
            if epsilon is None:
                epsilon = _epsilon(file)
    except OSError as error:
        raise UserError(f"{path} is not a readable HDF5 file ({error})") from None
    except (AttributeError, KeyError, RuntimeError, TypeError, ValueError) as error:
        # What h5py raises depends on where a file is damaged.
        raise UserError(f"{path} does not hold a Keras model ({error})") from None

    params, stats = {}, {}
    ours, our_norms = _names(variables["params"])
    if (len(convolutions), len(norms)) != (len(ours), len(our_norms)):
        raise UserError(
            f"{path} holds {len(convolutions)} convolutions and {len(norms)} batch norms, and "
            f"config.generator.channels asks for {len(ours)} and {len(our_norms)} (of a model with "
            'nested parts, save all: model.save("generator.h5"))'
        )
    for name, convolution in zip(ours, convolutions, strict=True):
        kernel = convolution.kernel
        if not name.startswith("encoder") and kernel.ndim == 4:
            # Keras keeps the kernel of the convolution that this one is the transpose of.
            kernel = kernel.swapaxes(2, 3)
        bias = convolution.bias
        if bias is None:
            bias = np.zeros(kernel.shape[-1], np.float32)
        params[name] = {"kernel": kernel, "bias": bias}
        _check(path, convolution.name, name, params[name], variables["params"][name])
    for name, norm in zip(our_norms, norms, strict=True):
        params[name] = {"scale": norm.scale, "bias": norm.bias}
        stats[name] = {"mean": norm.mean, "var": norm.var + np.float32(epsilon - EPSILON)}
        _check(path, norm.name, name, params[name], variables["params"][name])
        _check(path, norm.name, name, stats[name], variables["batch_stats"][name])
    return {"params": params, "batch_stats": stats}


def _names(params: PyTree) -> tuple[list[str], list[str]]:
    """Returns our convolutions' and our batch norms' names in the order of the data."""

    def place(name: str) -> tuple[int, int]:
        return (
            ("encoder", "decoder", "output").index(name.split("_")[0]),
            int(name.split("_")[-1]) if "_" in name else 0,
        )

    ordered = sorted(params, key=place)
    return [n for n in ordered if "kernel" in params[n]], [n for n in ordered if "_norm_" in n]


def _check(path: Path, theirs: str, ours: str, arrays: PyTree, expected: PyTree) -> None:
    for part, array in arrays.items():
        if array.shape != expected[part].shape:
            raise UserError(
                f"{path}: {theirs} has a {part} of shape {array.shape}, and {ours} needs "
                f"{expected[part].shape}: is config.generator.channels that of the model?"
            )


def _layers(file: Any) -> tuple[list[Convolution], list[Norm]]:
    """Returns the convolutions and the batch norms, each in the order of the data."""
    found: dict[str, list[tuple[str, np.ndarray]]] = {}
    for name, part, array in _arrays(file):
        found.setdefault(part, []).append((name, np.asarray(array, np.float32)))
    biases = dict(found.get("bias", []))
    convolutions = [
        Convolution(kernel, biases.get(name), name) for name, kernel in found.get("kernel", [])
    ]
    parts = [found.get(part, []) for part in ("gamma", "beta", "moving_mean", "moving_variance")]
    if len({len(part) for part in parts}) != 1:
        raise ValueError("its batch norms lack some of their four vectors")
    norms = [
        Norm(gamma, beta, mean, variance, name)
        for (name, gamma), (_, beta), (_, mean), (_, variance) in zip(*parts, strict=True)
    ]
    return convolutions, norms


def _arrays(file: Any) -> Iterator[tuple[str, str, Any]]:
    """Yields layer, part (such as kernel) and array, in the order of the layers."""
    if "layers" in file:
        # Keras 3's own layout: layers by class, counted from 0, and arrays without names.
        parts = {
            "conv2d": ("kernel", "bias"),
            "conv2d_transpose": ("kernel", "bias"),
            "batch_normalization": ("gamma", "beta", "moving_mean", "moving_variance"),
        }
        for kind, names in parts.items():
            for i in itertools.count():
                name = f"{kind}_{i}" if i else kind
                if name not in file["layers"]:
                    break
                for part, index in zip(names, sorted(file["layers"][name]["vars"]), strict=False):
                    yield name, part, file["layers"][name]["vars"][index]
        return
    root = file.get("model_weights", file)
    if "layer_names" not in root.attrs:
        raise ValueError("it has neither layer_names nor layers")
    for layer in map(_text, root.attrs["layer_names"]):
        for weight in map(_text, root[layer].attrs["weight_names"]):
            owner, _, part = weight.rpartition("/")
            yield f"{layer}/{owner}", re.sub(r":\d+$", "", part), root[layer][weight]


def _text(name: bytes | str) -> str:
    return name.decode() if isinstance(name, bytes) else name


def _epsilon(file: Any) -> float:
    """Finds the batch norms' epsilon in a saved model; files of weights alone do not have it."""
    if "model_config" not in file.attrs:
        return KERAS_EPSILON
    found = set(re.findall(r'"epsilon": ([0-9.e+-]+)', _text(file.attrs["model_config"])))
    if len(found) > 1:
        raise ValueError(f"its batch norms have different epsilons: {', '.join(sorted(found))}")
    return float(found.pop()) if found else KERAS_EPSILON
