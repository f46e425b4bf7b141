"""Exports a run's generator to a file."""

from pathlib import Path
from typing import Literal, get_args

from s2c_jax import files
from s2c_jax.errors import UserError
from s2c_jax.export.html import to_html
from s2c_jax.export.metadata import encode_onnx, licence_of, metadata
from s2c_jax.export.stablehlo import to_stablehlo
from s2c_jax.inference.load import TrainedGenerator, load_generator
from s2c_jax.inference.onnx_backend import to_onnx

Format = Literal["onnx", "stablehlo", "html"]
FORMATS: tuple[Format, ...] = get_args(Format)


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
    if output.is_dir() or not output.parent.is_dir():
        raise UserError(f"{output}: cannot be written (its folder is missing, or it is a folder)")
    trained = load_generator(workdir, step)
    dataset = trained.config.dataset.name
    entries = metadata(trained, licence or licence_of(dataset, trained.config.image_size))
    data = _encode(trained, entries, format)
    try:
        files.write_whole(output, data)
    except OSError as error:
        raise UserError(f"{output}: cannot be written ({error.strerror or error})") from None
    for key, text in entries.items():
        print(f"{key}: {text}")
    print(f"{output}: {len(data) / 1e6:.1f} MB")


def _encode(trained: TrainedGenerator, entries: dict[str, str], format: Format) -> bytes:
    """Returns the content of the exported file."""
    if format == "stablehlo":
        return bytes(to_stablehlo(trained.generator, trained.variables).serialize())
    model = encode_onnx(to_onnx(trained.generator, trained.variables), entries)
    return to_html(model, entries).encode() if format == "html" else model
