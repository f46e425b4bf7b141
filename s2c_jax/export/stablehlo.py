"""Exports the generator as StableHLO, which JAX runs without this package."""

import jax
import jax.export
import numpy as np
from jaxtyping import PyTree

from s2c_jax.inference.onnx_backend import inference_function, network_inputs
from s2c_jax.models.generator import Generator

# The platforms that a StableHLO file runs on, by JAX's names.
PLATFORMS = ("cpu", "cuda", "rocm", "tpu")


def to_stablehlo(generator: Generator, variables: PyTree) -> jax.export.Exported:
    """Converts a generator to StableHLO, with its variables as constants.

    Returns:
        A function of the arrays that `network_inputs` names, in that order, for all `PLATFORMS`.
    """
    scope = jax.export.SymbolicScope()
    texts = [", ".join(map(str, shape)) for shape in network_inputs(generator).values()]
    shapes = [jax.export.symbolic_shape(text, scope=scope) for text in texts]
    arguments = [jax.ShapeDtypeStruct(shape, np.float32) for shape in shapes]
    function = jax.jit(inference_function(generator, variables))
    return jax.export.export(function, platforms=PLATFORMS)(*arguments)
