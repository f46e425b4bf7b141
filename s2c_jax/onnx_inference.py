"""Inference by ONNX Runtime instead of JAX: on CPUs faster for one sketch at a time."""

from collections.abc import Callable

import jax.numpy as jnp
import numpy as np
from jaxtyping import PyTree

from s2c_jax import export
from s2c_jax.augment import normalize
from s2c_jax.errors import UserError
from s2c_jax.guidance import normalize_rgba
from s2c_jax.inference import Hints, Palettes, Pictures, Seeds, batch_size
from s2c_jax.models.generator import Generator


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
    model = export.to_onnx(generator, variables)
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
