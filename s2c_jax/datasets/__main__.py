"""Prepares a data set: python -m s2c_jax.datasets openmoji_sketch/64."""

import argparse
from collections.abc import Sequence
from pathlib import Path

import tensorflow_datasets as tfds

import s2c_jax.datasets
from s2c_jax import cli
from s2c_jax.datasets import decoded, pairs
from s2c_jax.errors import UserError


def main(arguments: Sequence[str] | None = None) -> None:
    """Reads the flags and prepares.

    Args:
        arguments: the command line behind the program's name; None is the process's own.
    """
    parser = argparse.ArgumentParser("python -m s2c_jax.datasets", description=__doc__)
    names = ", ".join(s2c_jax.datasets.NAMES)
    parser.add_argument("name", help=f"NAME/SIZE, where NAME is one of {names}")
    parser.add_argument("--data_dir", help="where it is kept; default ~/tensorflow_datasets")
    parser.add_argument("--manual_dir", help="where your own files are, for a data set of them")
    parser.add_argument("--decoded", action="store_true",
                        help="also keep the pictures decoded: see README")  # fmt: skip
    cli.add_import_argument(parser)
    flags = parser.parse_args(arguments)
    with cli.user_errors():
        cli.import_modules(flags.imports)
        prepare(flags.name, flags.data_dir, flags.manual_dir, keep_decoded=flags.decoded)


def prepare(
    name: str,
    data_dir: str | None = None,
    manual_dir: str | None = None,
    *,
    keep_decoded: bool = False,
) -> None:
    """Prepares `name` unless that is done already, and prints where it is.

    Args:
        name: builder and config, such as "openmoji_sketch/64".
        data_dir: TFDS's data directory; None is its default.
        manual_dir: where a data set finds the user's own files.
        keep_decoded: whether the pictures are kept decoded, too.

    Raises:
        UserError: there is no such data set or size, or what it needs is not there.
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
    if manual_dir is not None and not builder.is_prepared():
        if not Path(manual_dir).is_dir():
            raise UserError(f"--manual_dir: there is no folder {manual_dir}")
        if not any(Path(manual_dir).iterdir()):
            raise UserError(f"--manual_dir: the folder {manual_dir} is empty")
    try:
        builder.download_and_prepare(
            download_config=tfds.download.DownloadConfig(manual_dir=manual_dir)
        )
        if keep_decoded:
            for split in builder.info.splits:
                path = decoded.path_of(Path(builder.data_dir), split)
                if not path.exists():
                    decoded.write(path, pairs.open_records(builder, split))
    except OSError as error:
        raise UserError(
            f"{error.filename or builder.data_dir} cannot be written ({error.strerror}): "
            "take another --data_dir"
        ) from None
    sizes = ", ".join(f"{info.num_examples} {split}" for split, info in builder.info.splits.items())
    print(f"{name}: {sizes} pairs in {builder.data_dir}")
    if summary := builder.summary():
        print(f"{name}: {summary}")


if __name__ == "__main__":
    main()
