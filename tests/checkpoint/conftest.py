"""A run with two checkpoints, and what its checkpoints are restored into."""

import shutil

import jax
import pytest

from s2c_jax.datasets import input_pipeline
from s2c_jax.training import build
from tests.support.configs import make_small_config


@pytest.fixture(scope="package")
def config(data_dir):
    return make_small_config(data_dir)


@pytest.fixture(scope="package")
def state(config):
    """The initial state, whose shapes a restore needs; nothing changes it."""
    return build.init_state(config)


@pytest.fixture(scope="package")
def shapes(state):
    """The shapes of the generator that colours."""
    return jax.eval_shape(lambda state: state.colorizer, state)


@pytest.fixture(scope="package")
def source(data_dir):
    return input_pipeline.open_split("openmoji_sketch", 64, "train", data_dir)


@pytest.fixture
def run(workdir, tmp_path):
    """A copy of a run with two checkpoints, which a test may damage."""
    return shutil.copytree(workdir, tmp_path / "run")
