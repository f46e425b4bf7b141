"""Prepares a data set: finds or downloads its pairs, and stores them once."""

import os
import shutil
from pathlib import Path

import tensorflow_datasets as tfds

from s2c_jax.datasets import decoded, own_files, pairs
from s2c_jax.datasets.builders import find_builder
from s2c_jax.errors import UserError


def prepare(
    name: str,
    data_dir: str | None = None,
    manual_dir: str | None = None,
    *,
    keep_decoded: bool = False,
    overwrite: bool = False,
    crop: bool = False,
) -> None:
    """Prepares a data set unless it is prepared already, and prints where it is.

    Args:
        name: builder and config, such as "characters/64".
        data_dir: TFDS's data directory; None is TFDS's default.
        manual_dir: the folder with the user's own files, for the data sets that need them.
        keep_decoded: whether to store decoded pictures as well, see `decoded.write`.
        overwrite: whether to prepare a data set anew that is prepared already.
        crop: whether `color_pictures` cuts pictures that are far from square into squares.

    Raises:
        UserError: there is no such data set or size, its files are missing or damaged, the user's
            files have changed since they were prepared, or the data directory cannot be read or
            written.
    """
    dataset, _, size = name.partition("/")
    builder = find_builder(dataset, size, data_dir)
    if crop and not builder.can_crop:
        raise UserError(f"{dataset} does not crop: leave out --crop")
    if manual_dir is not None:
        manual_dir = os.path.expanduser(manual_dir)
        # TFDS ignores a folder that is missing or empty.
        if not Path(manual_dir).is_dir():
            raise UserError(f"there is no folder {manual_dir}")
        if not any(Path(manual_dir).iterdir()):
            raise UserError(f"the folder {manual_dir} is empty")
    if builder.is_prepared():
        if overwrite:
            shutil.rmtree(builder.data_dir)
            builder = find_builder(dataset, size, data_dir)
        else:
            _require_same_crop(builder, crop=crop)
            if manual_dir is not None:
                _require_same_files(builder, Path(manual_dir))
    builder.crop = crop
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


def _require_same_crop(builder: pairs.PairsBuilder, *, crop: bool) -> None:
    """Raises UserError if the prepared data was cropped and must not be, or the other way round."""
    cropped = (builder.info.metadata or {}).get("crop", False)
    if cropped != crop:
        how = "with" if cropped else "without"
        raise UserError(
            f"{builder.name} was prepared {how} --crop: give the same flag, or --overwrite to "
            "prepare the data set anew"
        )


def _require_same_files(builder: pairs.PairsBuilder, manual_dir: Path) -> None:
    """Raises UserError if the user's files are not those that the prepared data was made of."""
    files = builder.own_files(manual_dir)
    earlier = (builder.info.metadata or {}).get("files")
    if not files or earlier is None:
        return
    different = own_files.differences(earlier, own_files.fingerprints(manual_dir, files))
    if different:
        raise UserError(
            f"{builder.name}: the files in {manual_dir} are not those that were prepared "
            f"({different}): add --overwrite to prepare the data set anew"
        )
