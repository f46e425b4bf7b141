"""Random weights in the layout of pytorch-fid's file."""

import numpy as np

from s2c_jax.pretrained import inception

PARTS = ("weight", "bias", "running_mean", "running_var")


def random_tensors():
    """Returns tensors for the layers of the package's table, which tests/parity checks."""
    rng = np.random.default_rng(0)
    tensors = {"fc.bias": np.zeros(1008, np.float32)}
    for name, layer, inputs in inception._layers():
        fan_in = inputs * layer.size[0] * layer.size[1]
        kernel = rng.standard_normal((layer.outputs, inputs, *layer.size), np.float32)
        tensors[f"{name}.conv.weight"] = kernel * np.float32(np.sqrt(2 / fan_in))
        for part, low, high in zip(PARTS, (0.5, -0.2, -0.2, 0.5), (1.5, 0.2, 0.2, 1.5)):
            values = rng.uniform(low, high, layer.outputs)
            tensors[f"{name}.bn.{part}"] = values.astype(np.float32)
    return tensors
