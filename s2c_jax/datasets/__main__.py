"""Prepares a data set: python -m s2c_jax.datasets characters/64."""

import argparse
from collections.abc import Sequence

import s2c_jax.datasets
from s2c_jax import cli
from s2c_jax.datasets.prepare import prepare


def main(arguments: Sequence[str] | None = None) -> None:
    """Reads the flags (by default those of the process) and prepares the data set."""
    parser = argparse.ArgumentParser("python -m s2c_jax.datasets", description=__doc__)
    names = ", ".join(s2c_jax.datasets.NAMES)
    parser.add_argument("name", help=f"NAME/SIZE, where NAME is one of {names}")
    parser.add_argument(
        "--data_dir", help="where prepared data is stored; default ~/tensorflow_datasets"
    )
    parser.add_argument(
        "--manual_dir", help="the folder with your own files, for data sets that need them"
    )
    parser.add_argument(
        "--decoded", action="store_true", help="store decoded pictures, too: see docs/data.md"
    )
    parser.add_argument(
        "--crop",
        action="store_true",
        help="color_pictures: cut pictures that are far from square, instead of padding them",
    )
    parser.add_argument(
        "--overwrite", action="store_true", help="prepare anew what is prepared already"
    )
    cli.add_import_argument(parser)
    flags = parser.parse_args(arguments)
    with cli.user_errors():
        cli.import_modules(flags.imports)
        prepare(
            flags.name,
            flags.data_dir,
            flags.manual_dir,
            keep_decoded=flags.decoded,
            overwrite=flags.overwrite,
            crop=flags.crop,
        )


if __name__ == "__main__":
    main()
