"""Runs, loaded once for all tests of inference."""

import pathlib

import pytest

from s2c_jax.inference.colorizer import Colorizer


@pytest.fixture(scope="session")
def colorizer(workdir: pathlib.Path) -> Colorizer:
    return Colorizer(workdir)


@pytest.fixture(scope="session")
def guided_colorizer(guided_workdir: pathlib.Path) -> Colorizer:
    """A colorizer that takes hints and palettes."""
    return Colorizer(guided_workdir)
