"""Finds a TFDS builder of pairs by name and size."""

import os

import tensorflow_datasets as tfds

import s2c_jax.datasets
from s2c_jax.datasets.pairs import PairsBuilder
from s2c_jax.errors import UserError


def find_builder(name: str, size: int | str, data_dir: str | None = None) -> PairsBuilder:
    """Returns the builder of a data set of pairs.

    Args:
        name: a TFDS builder whose configs are named after their size.
        size: the side of the pictures in pixels.
        data_dir: TFDS's data directory; None or "" is TFDS's default.

    Raises:
        UserError: there is no such data set, or it has no such size.
    """
    try:
        sizes = [config for config in tfds.builder_cls(name).builder_configs if config.isdigit()]
    except (tfds.core.DatasetNotFoundError, ValueError):
        sizes = []
    if not sizes:
        known = ", ".join(s2c_jax.datasets.NAMES)
        raise UserError(f"{name!r}: no such data set of pairs; there are {known}")
    if str(size) not in sizes:
        raise UserError(f"{name}/{size}: {name} has {', '.join(sizes)} pixels only")
    data_dir = os.path.expanduser(data_dir) if data_dir else None
    return tfds.builder(f"{name}/{size}", data_dir=data_dir)
