"""What the tests of the evaluation share."""

import pytest

from s2c_jax.datasets import input_pipeline
from s2c_jax.datasets.pairs import PairSource


@pytest.fixture(scope="session")
def validation(data_dir: str) -> PairSource:
    """The validation split of the small drawings."""
    return input_pipeline.open_split("openmoji_sketch", 64, "validation", data_dir)
