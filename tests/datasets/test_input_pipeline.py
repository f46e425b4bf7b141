"""The input pipeline: order and content of the batches, restored positions, errors."""

import itertools

import jax
import numpy as np
import pytest
from PIL import Image

from s2c_jax.datasets import input_pipeline, pairs
from s2c_jax.errors import UserError
from tests.support.drawings import NUM_DRAWINGS

NUM_PAIRS, BATCH = 21, 8


def picture(value):
    return Image.fromarray(np.full((4, 4, 3), value, np.uint8))


@pytest.fixture(scope="module")
def source():
    """Pair i has a sketch of level i and a colour picture of level 100 + i."""
    return [
        {**pairs.encode(sketch=picture(i), color=picture(100 + i)), "id": b"x"}
        for i in range(NUM_PAIRS)
    ]


def batches(source, seed=0):
    return input_pipeline.train_batches(source, batch_size=BATCH, seed=seed, num_threads=2)


def values(batch):
    return np.asarray(batch["sketch"])[..., 0, 0, 0].ravel().tolist()


def test_batches_are_uint8_and_sharded_over_the_devices(source):
    batch = next(batches(source))
    for key in ("sketch", "color"):
        assert batch[key].shape == (8, 1, 4, 4, 3)
        assert batch[key].dtype == np.uint8
        assert len(batch[key].sharding.device_set) == jax.device_count() == 8
    np.testing.assert_array_equal(np.asarray(batch["color"]), np.asarray(batch["sketch"]) + 100)
    # A band of one colour has no colours besides its background, so its palette is white.
    assert batch["palette"].shape == (8, 1, 4, 4, 3)
    assert (np.asarray(batch["palette"]) == 255).all()


def test_an_epoch_repeats_no_pair_and_each_epoch_has_another_order(source):
    steps = input_pipeline.steps_per_epoch(source, BATCH)
    assert steps == NUM_PAIRS // BATCH
    iterator = batches(source)
    epochs = [
        list(itertools.chain(*(values(next(iterator)) for _ in range(steps)))) for _ in range(6)
    ]
    for epoch in epochs:
        assert len(set(epoch)) == steps * BATCH
    assert len({tuple(epoch) for epoch in epochs}) == len(epochs)
    # The pairs that are left out change from epoch to epoch.
    assert set(itertools.chain(*epochs)) == set(range(NUM_PAIRS))


def test_the_seed_determines_the_order(source):
    first, same, other = (
        [values(next(iterator)) for _ in range(3)]
        for iterator in (batches(source), batches(source), batches(source, seed=1))
    )
    assert first == same != other


@pytest.mark.parametrize("position", [0, 1, 2, 5])
def test_a_restored_iterator_continues_after_the_last_batch(source, position):
    iterator = batches(source)
    for _ in range(position):
        next(iterator)
    state = iterator.get_state()
    expected = [values(next(iterator)) for _ in range(4)]
    restored = batches(source)
    next(restored)
    restored.set_state(state)
    assert [values(next(restored)) for _ in range(4)] == expected


def test_processes_read_disjoint_shares_of_every_batch(source, monkeypatch):
    whole = batches(source)
    monkeypatch.setattr(jax, "process_count", lambda: 2)
    monkeypatch.setattr(jax, "local_devices", lambda: jax.devices()[:4])
    shares = []
    for process in range(2):
        monkeypatch.setattr(jax, "process_index", lambda process=process: process)
        shares.append(batches(source))
    for _ in range(4):
        parts = [values(next(share)) for share in shares]
        assert [len(part) for part in parts] == [4, 4]
        assert sorted(parts[0] + parts[1]) == sorted(values(next(whole)))


def test_open_split_and_read_pairs_return_sketches_and_colour_pictures(data_dir):
    train, validation = (
        input_pipeline.open_split("openmoji_sketch", 64, split, data_dir)
        for split in ("train", "validation")
    )
    assert len(train) + len(validation) == NUM_DRAWINGS
    pairs = input_pipeline.read_pairs(validation, range(2))
    assert pairs["sketch"].shape == pairs["color"].shape == (2, 64, 64, 3)
    # The sketch is grey; the disc is coloured.
    assert np.ptp(pairs["sketch"], axis=-1).max() == 0
    assert np.ptp(pairs["color"].astype(int), axis=-1).max() > 200


def test_missing_data_sets_sizes_and_pairs_are_named(data_dir, source):
    with pytest.raises(
        UserError, match=r"no such data set of pairs; there are characters, openmoji_sketch"
    ):
        input_pipeline.open_split("openmojo", 64, "train", data_dir)
    for name in ("", "openmoji_sketch/64", "mnist"):
        with pytest.raises(UserError, match="no such data set of pairs"):
            input_pipeline.open_split(name, 64, "train", data_dir)
    with pytest.raises(UserError, match="has 64, 128, 256, 512 pixels only"):
        input_pipeline.open_split("openmoji_sketch", 96, "train", data_dir)
    with pytest.raises(UserError, match="run python -m s2c_jax.datasets openmoji_sketch/128"):
        input_pipeline.open_split("openmoji_sketch", 128, "train", data_dir)
    with pytest.raises(UserError, match="has 21 pairs only"):
        input_pipeline.steps_per_epoch(source, 22)
