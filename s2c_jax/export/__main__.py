"""Exports a run's generator for use without s2c_jax.

python -m s2c_jax.export --workdir runs/characters --format onnx characters.onnx
python -m s2c_jax.export --workdir runs/characters --format stablehlo characters.stablehlo
python -m s2c_jax.export --workdir runs/characters --format html characters.html

ONNX and StableHLO files hold the network with its parameters. They take any number of sketches, of
any height and width that the network can halve often enough. The HTML file is a web page that
colours sketches in the browser, without a server.
"""

from collections.abc import Sequence
from pathlib import Path

from s2c_jax import cli, files
from s2c_jax.export.export_run import FORMATS, export_run


def main(arguments: Sequence[str] | None = None) -> None:
    """Reads the flags (by default those of the process) and exports."""
    parser = cli.run_parser("export", __doc__)
    parser.add_argument("output", type=Path, metavar="FILE")
    parser.add_argument("--format", choices=FORMATS, required=True)
    parser.add_argument("--licence", default="", metavar="TEXT",
                        help="the licence of the training data, for the file's metadata; by "
                        "default what the data set states")  # fmt: skip
    parser.add_argument("--overwrite", action="store_true", help="replace an existing file")
    flags = parser.parse_args(arguments)
    with cli.user_errors():
        cli.import_modules(flags.imports)
        files.check_overwrite(flags.output, flags.overwrite)
        export_run(flags.workdir, flags.step, flags.format, flags.output, flags.licence)


if __name__ == "__main__":
    main()
