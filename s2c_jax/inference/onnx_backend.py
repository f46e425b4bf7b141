"""Inference by ONNX Runtime instead of JAX: on CPUs faster for one sketch at a time."""

import logging
from collections.abc import Callable
from typing import Any

import jax
import jax.export
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, PyTree

from s2c_jax.errors import UserError
from s2c_jax.inference import onnx_backend
from s2c_jax.inference.batching import batch_size
from s2c_jax.inference.generate import Hints, Palettes, Pictures, Seeds
from s2c_jax.models.convolution import dispatch
from s2c_jax.models.generator import Generator
from s2c_jax.models.ranges import normalize, normalize_rgba


def make_generate(generator: Generator, variables: PyTree) -> Callable[..., Pictures]:
    """Returns inference with a generator.

    Args:
        generator: the generator.
        variables: its variables.

    Returns:
        A function like that of `inference.make_generate`, of everything but the variables. It knows
        no dropout: `seeds` change nothing for a generator with palettes, and are refused
        otherwise.

    Raises:
        UserError: the packages that it needs are not installed.
    """
    try:
        import onnxruntime  # type: ignore[import-untyped]
    except ImportError:
        raise UserError(
            "the backend onnxruntime needs that package: pip install 's2c_jax[export]'"
        ) from None
    model = onnx_backend.to_onnx(generator, variables)
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )

    def generate(
        sketches: Pictures,
        hints: Hints | None = None,
        palettes: Palettes | None = None,
        seeds: Seeds | None = None,
    ) -> Pictures:
        if seeds is not None and not generator.palette:
            raise UserError("variants of a run without palettes are by dropout: --backend jax")
        count, height, width, _ = sketches.shape
        given = {"sketch": np.asarray(normalize(jnp.asarray(sketches)))}
        if generator.hints:
            unsaid = np.zeros((count, height, width, 4), np.uint8) if hints is None else hints
            given["hints"] = np.asarray(normalize_rgba(jnp.asarray(unsaid)))
        if generator.palette:
            unsaid = np.zeros((count, 4, 4, 4), np.uint8) if palettes is None else palettes
            given["palette"] = np.asarray(normalize_rgba(jnp.asarray(unsaid)))
        color = np.concatenate(
            [
                session.run(
                    ["color"],
                    {name: part[start : start + batch_size()] for name, part in given.items()},
                )[0]
                for start in range(0, count, batch_size())
            ]
        )
        return np.round((color + 1) * 127.5).astype(np.uint8)

    return generate


# Old enough for every ONNX Runtime since 1.14.
_OPSET = 18


def to_onnx(generator: Generator, variables: PyTree) -> Any:
    """Converts a generator to ONNX.

    Args:
        generator: the network.
        variables: its variables.

    Returns:
        An `onnx.ModelProto` whose inputs and output are named and shaped as `inputs` says, and
        "color".

    Raises:
        UserError: the packages that it needs are not installed.
    """
    try:
        import jax2onnx  # type: ignore[import-untyped]
    except ImportError:
        raise UserError("ONNX needs the package jax2onnx: pip install 's2c_jax[export]'") from None
    names, shapes = zip(*network_inputs(generator).items(), strict=True)
    # It warns of shapes that it cannot tell, which nothing needs.
    logging.getLogger("onnx_ir").setLevel(logging.ERROR)
    with dispatch.single_operation_convolutions():
        return jax2onnx.to_onnx(
            inference_function(generator, variables),
            shapes,
            model_name="s2c_jax",
            opset=_OPSET,
            input_names=names,
            output_names=["color"],
        )


def network_inputs(generator: Generator) -> dict[str, tuple[int | str, ...]]:
    """Returns the names of what a generator takes, and their shapes with names for free sizes."""
    multiple = 2 ** len(generator.channels)
    sides = ("batch", f"{multiple}*height", f"{multiple}*width")
    found: dict[str, tuple[int | str, ...]] = {"sketch": (*sides, 3)}
    if generator.hints:
        found["hints"] = (*sides, 4)
    if generator.palette:
        found["palette"] = ("batch", 4, 4, 4)
    return found


def inference_function(generator: Generator, variables: PyTree) -> Callable[..., Array]:
    names, variables = list(network_inputs(generator)), jax.tree.map(jnp.asarray, variables)

    def color(sketch: Array, *guidance: Array) -> Array:
        said = dict(zip(names[1:], guidance, strict=True))
        colored = generator.apply(
            variables, sketch, said.get("hints"), said.get("palette"), train=False
        )
        return jnp.asarray(colored)

    return color
