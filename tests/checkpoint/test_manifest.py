"""Checksums tell the same values from different ones, and errors tell damage from other trouble."""

import errno

import numpy as np
import pytest

from s2c_jax.checkpoint import manifest
from s2c_jax.errors import UserError


def test_tree_checksums_change_with_any_leaf():
    tree = {"a": {"kernel": np.arange(6.0)}, "b": np.int32(3)}
    checksums = manifest.tree_checksums(tree)
    assert set(checksums) == {"a/kernel", "b"}
    assert manifest.tree_checksums({"b": np.int32(3), "a": tree["a"]}) == checksums
    changed = manifest.tree_checksums({"a": {"kernel": np.arange(6.0) + 1e-15}, "b": np.int32(3)})
    assert changed["a/kernel"] != checksums["a/kernel"]
    assert changed["b"] == checksums["b"]


def test_json_checksum_does_not_depend_on_the_order_of_keys():
    assert manifest.json_checksum({"a": 1, "b": 2}) == manifest.json_checksum({"b": 2, "a": 1})
    assert manifest.json_checksum({"a": 1}) != manifest.json_checksum({"a": 2})


def test_verify_names_the_part_that_differs():
    expected = manifest.Manifest(checksums={"a": 1, "b": 2})
    manifest.verify({"a": 1}, expected)
    with pytest.raises(ValueError, match="b is not what was saved"):
        manifest.verify({"a": 1, "b": 3}, expected)


@pytest.mark.parametrize(
    ("error", "is_damage"),
    [
        (ValueError("checksum mismatch\nin a file"), True),
        (KeyError("checksums"), True),
        (FileNotFoundError(errno.ENOENT, "No such file"), True),
        (PermissionError(errno.EACCES, "Permission denied"), False),
        (OSError(errno.EIO, "Input/output error"), False),
        (MemoryError(), False),
        (ValueError("RESOURCE_EXHAUSTED: out of memory"), False),
    ],
)
def test_reading_tells_damage_from_errors_of_the_computer(tmp_path, error, is_damage):
    with pytest.raises(UserError, match="cannot be read") as raised, manifest.reading(tmp_path):
        raise error
    assert isinstance(raised.value, manifest.CorruptCheckpoint) is is_damage
    assert "\n" not in str(raised.value)
