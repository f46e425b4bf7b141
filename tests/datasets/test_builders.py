"""A data set is found by its name and size, or the error says what there is."""

import pytest
import tensorflow_datasets as tfds

from s2c_jax.datasets.builders import find_builder
from s2c_jax.datasets.prepare import prepare
from s2c_jax.errors import UserError


def test_find_builder_has_the_size_and_the_data_dir(tmp_path):
    builder = find_builder("openmoji_sketch", 128, str(tmp_path))
    assert builder.builder_config.size == 128
    assert str(builder.data_dir).startswith(str(tmp_path))


@pytest.mark.parametrize("name", ["openmojo/64", "mnist/64", "openmojo"])
def test_prepare_names_the_data_sets_that_there_are(name):
    with pytest.raises(
        UserError, match="no such data set of pairs; there are characters, openmoji_sketch, "
    ):
        prepare(name)


@pytest.mark.parametrize("name", ["openmoji_sketch/96", "openmoji_sketch"])
def test_prepare_names_the_sizes_that_there_are(name):
    with pytest.raises(UserError, match="openmoji_sketch has 64, 128, 256, 512 pixels only"):
        prepare(name)


def test_prepare_names_the_reason_of_an_error_without_a_number(tmp_path, monkeypatch):
    def fail(*_, **__):
        raise OSError("the network is down")

    monkeypatch.setattr(tfds.core.DatasetBuilder, "download_and_prepare", fail)
    with pytest.raises(UserError, match="cannot be read or written .the network is down."):
        prepare("openmoji_sketch/64", str(tmp_path))
