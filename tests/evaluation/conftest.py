"""What the tests of the evaluation share."""

import shutil
from pathlib import Path

import pytest

from s2c_jax.datasets import input_pipeline
from s2c_jax.datasets.pairs import PairSource


@pytest.fixture(scope="session")
def validation(data_dir: str) -> PairSource:
    """The validation split of the small drawings."""
    return input_pipeline.open_split("openmoji_sketch", 64, "validation", data_dir)


@pytest.fixture(scope="module")
def run_copy(workdir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the shared run, to write into."""
    return Path(shutil.copytree(workdir, tmp_path_factory.mktemp("copy") / "run"))
