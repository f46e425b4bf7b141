"""Batches of one size, which all devices share."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from s2c_jax.distributed import replicated_sharding
from s2c_jax.inference.batching import batch_size, batched


def pictures(count, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (count, 4, 4, 3), np.uint8)


def test_each_device_computes_an_equal_share_of_a_batch():
    devices = batched(lambda _, x: jnp.full(len(x), jax.lax.axis_index("batch")))
    share = batch_size() // jax.local_device_count()
    assert share * 8 == batch_size()
    np.testing.assert_array_equal(devices((), pictures(batch_size())), np.arange(8).repeat(share))


@pytest.mark.parametrize("count", [1, 7, 64, 65, 130])
def test_rows_come_back_in_order_for_any_number_of_pictures(count):
    """With variables and two arrays; the padding is cut off again."""
    assert batch_size() == 64
    weight = jax.device_put(jnp.float32(2), replicated_sharding())
    compute = batched(lambda w, a, b: (w * a - b).sum(axis=(1, 2)))
    a, b = pictures(count), pictures(count, seed=1)
    expected = (2 * a.astype(np.float32) - b).sum(axis=(1, 2))
    np.testing.assert_array_equal(compute(weight, a, b), expected)


def test_each_picture_size_is_compiled_once_for_a_full_batch():
    shapes = []

    def compute(_, x):
        shapes.append(x.shape)
        return x.mean(axis=(1, 2, 3))

    means = batched(compute)
    for count in (1, 64, 65):
        means((), pictures(count))
    assert shapes == [(8, 4, 4, 3)]
