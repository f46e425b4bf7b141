"""Metadata of exported files."""

from s2c_jax.export import metadata


def test_unknown_licence_is_said_to_be_not_stated():
    assert "not stated" in metadata.licence_of("no_such_builder", 64)
    assert "not stated" in metadata.licence_of("folder_pairs", 64)
    assert "not stated" in metadata.licence_of("openmoji_sketch", 96)
