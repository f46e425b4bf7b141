"""Random generators in the layouts of Keras's files."""

import h5py
import numpy as np

VECTORS = ("gamma", "beta", "moving_mean", "moving_variance")


def random_layers(params, kernel_of=None):
    """Returns the arrays of each layer, in the order in which data flows.

    Args:
        params: the generator's parameters or their shapes.
        kernel_of: the name of a convolution that gets a kernel of another size.
    """
    rng = np.random.default_rng(0)
    depth = sum(name.startswith("encoder") and "norm" not in name for name in params)
    names = [f"encoder_{i}" for i in range(depth)] + [f"decoder_{i}" for i in range(depth - 1)]
    layers = {}
    for name in [*names, "output"]:
        height, width, channels, features = params[name]["kernel"].shape
        kernel = (height, width, channels, features)
        if not name.startswith("encoder"):
            kernel = (height, width, features, channels)
        if name == kernel_of:
            kernel = (3, 3, *kernel[2:])
        layers[name] = {"kernel": kernel, "bias": (features,)}
        norm = name.replace("_", "_norm_")
        if norm != name and norm in params:
            layers[norm] = dict.fromkeys(VECTORS, (features,))
    return {
        name: {
            part: rng.uniform(0.01, 0.05, shape).astype(np.float32)
            for part, shape in shapes.items()
        }
        for name, shapes in layers.items()
    }


def write_keras2(path, layers):
    """Writes a file like Keras 2's `model.save_weights`."""
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = list(layers)
        for name, arrays in layers.items():
            group = file.create_group(name)
            group.attrs["weight_names"] = [f"{name}/{part}:0" for part in arrays]
            for part, array in arrays.items():
                group[f"{name}/{part}:0"] = array
    return path


def write_keras3(path, layers):
    """Writes a file like Keras 3's `model.save_weights`: layers by class, arrays by number."""
    counts = {}
    with h5py.File(path, "w") as file:
        for name, arrays in layers.items():
            kind = "conv2d" if name.startswith("encoder") else "conv2d_transpose"
            kind = kind if "kernel" in arrays else "batch_normalization"
            number = counts[kind] = counts.get(kind, -1) + 1
            for i, array in enumerate(arrays.values()):
                file[
                    f"layers/{kind}_{number}/vars/{i}" if number else f"layers/{kind}/vars/{i}"
                ] = array
    return path
