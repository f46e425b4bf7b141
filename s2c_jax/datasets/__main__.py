"""Prepares a data set: python -m s2c_jax.datasets openmoji_sketch/64."""

import argparse
import sys

import tensorflow_datasets as tfds

import s2c_jax.datasets
from s2c_jax.errors import UserError


def main() -> None:
    """Reads the flags and prepares."""
    parser = argparse.ArgumentParser("python -m s2c_jax.datasets", description=__doc__)
    parser.add_argument(
        "name", help=f"NAME/SIZE; NAME is one of {', '.join(s2c_jax.datasets.NAMES)}"
    )
    parser.add_argument("--data_dir", help="where it is kept; default ~/tensorflow_datasets")
    arguments = parser.parse_args()
    try:
        prepare(arguments.name, arguments.data_dir)
    except UserError as error:
        sys.exit(f"s2c_jax: {error}")


def prepare(name: str, data_dir: str | None = None) -> None:
    """Prepares `name` unless that is done already, and prints where it is.

    Args:
        name: builder and config, such as "openmoji_sketch/64".
        data_dir: TFDS's data directory; None is its default.

    Raises:
        UserError: there is no such data set or size, or what it needs is not installed.
    """
    try:
        builder = tfds.builder(name, data_dir=data_dir)
    except (tfds.core.DatasetNotFoundError, ValueError):
        known = [
            f"{builder}/{config}"
            for builder in s2c_jax.datasets.NAMES
            for config in tfds.builder_cls(builder).builder_configs
        ]
        raise UserError(f"no data set {name!r}; there are {', '.join(known)}") from None
    try:
        builder.download_and_prepare()
    except PermissionError as error:
        raise UserError(f"{error.filename} cannot be written: take another --data_dir") from None
    sizes = ", ".join(f"{info.num_examples} {split}" for split, info in builder.info.splits.items())
    print(f"{name}: {sizes} pairs in {builder.data_dir}")


if __name__ == "__main__":
    main()
