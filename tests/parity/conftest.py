"""These tests need PyTorch and Keras, which only `make parity` installs."""

import os

import pytest

os.environ["KERAS_BACKEND"] = "jax"

pytest.importorskip("torch", reason="make parity installs PyTorch and runs these")
pytest.importorskip("keras", reason="make parity installs Keras and runs these")
