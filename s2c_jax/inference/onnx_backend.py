"""Inference with ONNX Runtime instead of JAX: faster on CPUs for one sketch at a time."""

import logging
from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float32, PyTree

from s2c_jax.errors import needs
from s2c_jax.inference.batching import batch_size
from s2c_jax.inference.generate import (
    UInt8Hints,
    UInt8Palettes,
    UInt8Pictures,
    UInt32Seeds,
    inference_function,
    network_inputs,
)
from s2c_jax.models.convolution import single_operation_convolutions
from s2c_jax.models.generator import Generator
from s2c_jax.models.ranges import normalize, normalize_rgba, to_levels

# The version of ONNX's operator set; every ONNX Runtime since 1.14 supports it.
_OPSET = 18


def make_generate(generator: Generator, variables: PyTree) -> Callable[..., UInt8Pictures]:
    """Returns inference with a generator in ONNX Runtime.

    The result is the function of `generate.make_generate` with its variables bound. ONNX Runtime
    has no dropout, so seeds change nothing here: `Colorizer` draws a palette from each seed.

    Raises:
        UserError: a package that this backend needs is not installed.
    """
    with needs("export", "the backend onnxruntime"):
        import onnxruntime  # type: ignore[import-untyped]
    session = onnxruntime.InferenceSession(
        to_onnx(generator, variables).SerializeToString(), providers=["CPUExecutionProvider"]
    )

    def generate(
        sketches: UInt8Pictures,
        hints: UInt8Hints | None = None,
        palettes: UInt8Palettes | None = None,
        seeds: UInt32Seeds | None = None,
    ) -> UInt8Pictures:
        inputs = _normalized_inputs(generator, sketches, hints, palettes)
        color = []
        for start in range(0, len(sketches), batch_size()):
            rows = slice(start, start + batch_size())
            color += session.run(["color"], {name: inputs[name][rows] for name in inputs})
        return np.asarray(to_levels(jnp.asarray(np.concatenate(color))))

    return generate


def _normalized_inputs(
    generator: Generator,
    sketches: UInt8Pictures,
    hints: UInt8Hints | None,
    palettes: UInt8Palettes | None,
) -> dict[str, Float32[np.ndarray, "batch ..."]]:
    """Returns what the network takes, by the names of `network_inputs`; zeros for None."""
    inputs = {"sketch": normalize(jnp.asarray(sketches))}
    if generator.hints:
        no_hints = np.zeros((*sketches.shape[:3], 4), np.uint8)
        inputs["hints"] = normalize_rgba(jnp.asarray(no_hints if hints is None else hints))
    if generator.palette:
        no_palettes = np.zeros((len(sketches), 4, 4, 4), np.uint8)
        inputs["palette"] = normalize_rgba(
            jnp.asarray(no_palettes if palettes is None else palettes)
        )
    return {name: np.asarray(values) for name, values in inputs.items()}


def to_onnx(generator: Generator, variables: PyTree) -> Any:
    """Converts a generator to ONNX.

    Returns:
        An `onnx.ModelProto`. Its inputs have the names and shapes of `network_inputs`; its output
        is "color".

    Raises:
        UserError: a package that the conversion needs is not installed.
    """
    with needs("export", "ONNX"):
        import jax2onnx  # type: ignore[import-untyped]
    names, shapes = zip(*network_inputs(generator).items(), strict=True)
    # jax2onnx's optimiser warns about shapes that it cannot infer; the model does not need them.
    logging.getLogger("onnx_ir").setLevel(logging.ERROR)
    with single_operation_convolutions():
        return jax2onnx.to_onnx(
            inference_function(generator, variables), shapes, model_name="s2c_jax", opset=_OPSET,
            input_names=names, output_names=["color"],
        )  # fmt: skip
