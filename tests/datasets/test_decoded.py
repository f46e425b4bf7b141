"""The file of decoded pairs: it holds the same pairs, and is complete or absent."""

import errno
import io
import pathlib

import numpy as np
import pytest
import tensorflow_datasets as tfds

from s2c_jax.datasets import decoded, input_pipeline, pairs
from s2c_jax.datasets.prepare import prepare
from s2c_jax.errors import UserError
from tests.support.trees import assert_trees_equal


@pytest.fixture
def path(data_dir):
    """The path of the train split's file; the file is deleted after the test."""
    folder = pathlib.Path(tfds.builder("openmoji_sketch/64", data_dir=data_dir).data_dir)
    yield decoded.path_of(folder, "train")
    for file in folder.glob("decoded-*"):
        file.unlink()


def batches(source):
    iterator = input_pipeline.train_batches(source, batch_size=8, seed=0, num_threads=2)
    return [next(iterator) for _ in range(3)]


def test_decoded_source_has_the_pairs_of_the_records(data_dir, path):
    records = input_pipeline.open_split("openmoji_sketch", 64, "train", data_dir)
    prepare("openmoji_sketch/64", data_dir, keep_decoded=True)
    source = input_pipeline.open_split("openmoji_sketch", 64, "train", data_dir)
    assert isinstance(source, decoded.DecodedSource)
    assert len(source) == len(records)
    assert_trees_equal(batches(source), batches(records))
    everything = range(len(records))
    assert_trees_equal(
        input_pipeline.read_pairs(source, everything),
        input_pipeline.read_pairs(records, everything),
    )
    # A pair is a copy: changing it does not change the next reader's.
    source[0]["sketch"][:] = 7
    np.testing.assert_array_equal(source[0]["sketch"], pairs.decode(records[0])["sketch"])
    # A second preparation leaves the file as it is.
    written = path.stat().st_mtime_ns
    prepare("openmoji_sketch/64", data_dir, keep_decoded=True)
    assert path.stat().st_mtime_ns == written


def test_write_leaves_no_file_on_a_full_disk(data_dir, path, monkeypatch):
    def full(file, header):
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    monkeypatch.setattr(np.lib.format, "write_array_header_1_0", full)
    with pytest.raises(UserError, match="decoded-train.npy cannot be read or written .No space"):
        prepare("openmoji_sketch/64", data_dir, keep_decoded=True)
    assert not list(path.parent.glob("decoded-*"))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "cannot be read"),
        (np.zeros((3, 2, 64, 64, 3), np.uint8), r"does not hold \d+ pairs of 64 px"),
    ],
)
def test_open_split_names_a_file_with_other_content(data_dir, path, content, message):
    if isinstance(content, np.ndarray):
        buffer = io.BytesIO()
        np.save(buffer, content)
        content = buffer.getvalue()
    path.write_bytes(content)
    with pytest.raises(UserError, match=message):
        input_pipeline.open_split("openmoji_sketch", 64, "train", data_dir)
