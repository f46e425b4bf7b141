"""Carries a run's generator to where s2c_jax is not.

python -m s2c_jax.export --workdir runs/openmoji --format onnx openmoji.onnx
python -m s2c_jax.export --workdir runs/openmoji --format stablehlo openmoji.stablehlo
python -m s2c_jax.export --workdir runs/openmoji --format html openmoji.html

The first two files hold the network with its parameters, for any number of sketches of any height
and width that it can halve often enough; the third is a page that colours in the browser alone.
"""

from collections.abc import Sequence
from pathlib import Path

from s2c_jax import cli, files
from s2c_jax.errors import UserError
from s2c_jax.export.html import to_html
from s2c_jax.export.metadata import encode_onnx, licence_of, metadata
from s2c_jax.export.stablehlo import to_stablehlo
from s2c_jax.inference.load import load_generator
from s2c_jax.inference.onnx_backend import to_onnx


def main(arguments: Sequence[str] | None = None) -> None:
    """Reads the flags and exports.

    Args:
        arguments: the command line behind the program's name; None is the process's own.
    """
    parser = cli.run_parser("export", __doc__)
    parser.add_argument("output", type=Path, metavar="FILE")
    parser.add_argument("--format", choices=("onnx", "stablehlo", "html"), required=True)
    parser.add_argument("--licence", metavar="TEXT",
                        help="what the file says of it; without, what the data set "
                        "states")  # fmt: skip
    parser.add_argument("--overwrite", action="store_true", help="replace an existing file")
    flags = parser.parse_args(arguments)
    with cli.user_errors():
        cli.import_modules(flags.imports)
        if flags.output.exists() and not flags.overwrite:
            raise UserError(f"{flags.output}: exists already; --overwrite replaces it")
        if flags.output.is_dir() or not flags.output.parent.is_dir():
            raise UserError(
                f"{flags.output}: cannot be written (there is no such place for a file)"
            )
        trained = load_generator(flags.workdir, flags.step)
        dataset = trained.config.dataset.name
        licence = flags.licence or licence_of(dataset, trained.config.image_size)
        said = metadata(trained, licence)
        if flags.format != "stablehlo":
            data = encode_onnx(to_onnx(trained.generator, trained.variables), said)
            if flags.format == "html":
                data = to_html(data, said).encode()
        else:
            data = bytes(to_stablehlo(trained.generator, trained.variables).serialize())
        try:
            files.write_whole(flags.output, data)
        except OSError as error:
            raise UserError(
                f"{flags.output}: cannot be written ({error.strerror or error})"
            ) from None
    for name, text in said.items():
        print(f"{name}: {text}")
    print(f"{flags.output}: {len(data) / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
