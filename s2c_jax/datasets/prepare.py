"""Prepares a data set: finds or downloads its pairs, and stores them once."""

from pathlib import Path

import tensorflow_datasets as tfds

from s2c_jax.datasets import decoded, pairs
from s2c_jax.datasets.builders import find_builder
from s2c_jax.errors import UserError


def prepare(
    name: str,
    data_dir: str | None = None,
    manual_dir: str | None = None,
    *,
    keep_decoded: bool = False,
) -> None:
    """Prepares a data set unless it is prepared already, and prints where it is.

    Args:
        name: builder and config, such as "openmoji_sketch/64".
        data_dir: TFDS's data directory; None is TFDS's default.
        manual_dir: the folder with the user's own files, for the data sets that need them.
        keep_decoded: whether to store decoded pictures as well, see `decoded.write`.

    Raises:
        UserError: there is no such data set or size, its files are missing or damaged, or the data
            directory cannot be read or written.
    """
    dataset, _, size = name.partition("/")
    builder = find_builder(dataset, size, data_dir)
    if manual_dir is not None and not builder.is_prepared():
        # TFDS ignores a folder that is missing or empty.
        if not Path(manual_dir).is_dir():
            raise UserError(f"there is no folder {manual_dir}")
        if not any(Path(manual_dir).iterdir()):
            raise UserError(f"the folder {manual_dir} is empty")
    try:
        config = tfds.download.DownloadConfig(manual_dir=manual_dir)
        builder.download_and_prepare(download_config=config)
        if keep_decoded:
            for split in builder.info.splits:
                path = decoded.path_of(Path(builder.data_dir), split)
                if not path.exists():
                    decoded.write(path, pairs.open_records(builder, split))
    except OSError as error:
        raise UserError(
            f"{error.filename or builder.data_dir} cannot be read or written "
            f"({error.strerror or error}): take another data_dir"
        ) from None
    sizes = ", ".join(f"{info.num_examples} {split}" for split, info in builder.info.splits.items())
    print(f"{name}: {sizes} pairs in {builder.data_dir}")
    if summary := builder.summary():
        print(f"{name}: {summary}")
