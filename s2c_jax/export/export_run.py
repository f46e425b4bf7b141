"""Exports a run's generator to a file."""

from pathlib import Path
from typing import Literal, get_args

import jax
import jax.export
import numpy as np
from jaxtyping import PyTree

from s2c_jax import files
from s2c_jax.errors import UserError
from s2c_jax.export.html import to_html
from s2c_jax.export.metadata import encode_onnx, licence_of, metadata
from s2c_jax.inference.generate import inference_function, network_inputs
from s2c_jax.inference.load import TrainedGenerator, load_generator
from s2c_jax.inference.onnx_backend import to_onnx
from s2c_jax.models.generator import Generator

Format = Literal["onnx", "stablehlo", "html"]
FORMATS: tuple[Format, ...] = get_args(Format)
# The platforms that a StableHLO file runs on, by JAX's names.
_PLATFORMS = ("cpu", "cuda", "rocm", "tpu")


def export_run(
    workdir: Path, step: int | str, format: Format, output: Path, licence: str = ""
) -> None:
    """Writes a run's generator to a file, and prints the file's metadata and size.

    The checkpoint is the one that `checkpoint.resolve_step` chooses. An existing file is replaced.
    The licence is that of the training data; "" stands for what the data set states.

    Raises:
        UserError: the run or the checkpoint does not exist, the file cannot be written, or a
            package of the format is missing.
    """
    if output.is_dir():
        raise UserError(f"{output}: is a folder")
    if not output.parent.is_dir():
        raise UserError(f"{output.parent}: there is no such folder")
    trained = load_generator(workdir, step)
    dataset = trained.config.dataset.name
    entries = metadata(trained, licence or licence_of(dataset, trained.config.image_size))
    data = _encode(trained, entries, format)
    with files.writing(output):
        files.write_whole(output, data)
    for key, text in entries.items():
        print(f"{key}: {text}")
    print(f"{output}: {len(data) / 1e6:.1f} MB")


def to_stablehlo(generator: Generator, variables: PyTree) -> jax.export.Exported:
    """Converts a generator to StableHLO, with its variables as constants.

    Returns:
        A function of the arrays that `network_inputs` names, in that order, for all `_PLATFORMS`.
    """
    scope = jax.export.SymbolicScope()
    texts = [", ".join(map(str, shape)) for shape in network_inputs(generator).values()]
    shapes = [jax.export.symbolic_shape(text, scope=scope) for text in texts]
    arguments = [jax.ShapeDtypeStruct(shape, np.float32) for shape in shapes]
    function = jax.jit(inference_function(generator, variables))
    return jax.export.export(function, platforms=_PLATFORMS)(*arguments)


def _encode(trained: TrainedGenerator, entries: dict[str, str], format: Format) -> bytes:
    """Returns the content of the exported file."""
    if format == "stablehlo":
        return bytes(to_stablehlo(trained.generator, trained.variables).serialize())
    model = encode_onnx(to_onnx(trained.generator, trained.variables), entries)
    return to_html(model, entries).encode() if format == "html" else model
