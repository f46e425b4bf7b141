"""Weight files: their kinds, and the one line that refuses them."""

import pickle
import sys
import zipfile

import numpy as np
import pytest
import safetensors.numpy

from s2c_jax.errors import UserError
from s2c_jax.pretrained import vgg16, weight_files

TENSORS = {"a": np.arange(6, dtype=np.float32).reshape(2, 3), "b": np.ones(2, np.float16)}


def read(path, **shapes):
    return weight_files.read_safetensors(str(path), "a network", shapes)


def test_only_the_named_tensors_are_read_as_float32(tmp_path, monkeypatch):
    safetensors.numpy.save_file(TENSORS, tmp_path / "some")
    tensors = read(tmp_path / "some", b=(2,))
    assert tensors.keys() == {"b"}
    assert tensors["b"].dtype == np.float32
    monkeypatch.setenv("HOME", str(tmp_path))
    np.testing.assert_array_equal(read("~/some", a=(2, 3))["a"], TENSORS["a"])


# The bytes of these lengths look like the start of a bare pickle and of a zip archive.
@pytest.mark.parametrize("length", [int.from_bytes(b"\x80\x02", "little"), 0x4B50])
def test_safetensors_headers_may_have_any_length(tmp_path, length):
    whole = safetensors.numpy.save(TENSORS)
    end = 8 + int.from_bytes(whole[:8], "little")
    path = tmp_path / "padded"
    path.write_bytes(length.to_bytes(8, "little") + whole[8:end].ljust(length) + whole[end:])
    np.testing.assert_array_equal(read(path, a=(2, 3))["a"], TENSORS["a"])


def test_unreadable_file_is_refused_in_one_line_with_its_path(tmp_path):
    whole = safetensors.numpy.save(TENSORS)
    files = {"whole": whole, "cut": whole[:-1], "empty": b"", "text": b"no weights at all"}
    files["hdf5"] = b"\x89HDF\r\n\x1a\n and more"
    (tmp_path / "folder").mkdir()
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    expected = {
        "missing": "there is no file",
        "folder": "cannot be read",
        "empty": "is no safetensors file: give a network as safetensors",
        "text": "is no safetensors file: give a network as safetensors",
        "hdf5": "is HDF5: give a network as safetensors",
        "cut": r"does not hold a network \(.*\)",
        "whole": r"does not hold a network \(a has shape \(2, 3\), not \(3,\)\)",
    }
    for name, message in expected.items():
        with pytest.raises(UserError, match=f"{name}.* {message}|{message} .*{name}") as raised:
            read(tmp_path / name, a=(3,))
        assert "\n" not in str(raised.value)
    with pytest.raises(UserError, match="there is no c"):
        read(tmp_path / "whole", c=(3,))


def test_pickle_is_refused_with_the_command_that_converts_it(tmp_path):
    bare, archive = tmp_path / "bare.pth", tmp_path / "an archive.pth"
    bare.write_bytes(pickle.dumps({"a": 1}, protocol=2))
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("data.pkl", b"")
    for path in (bare, archive):
        with pytest.raises(UserError, match="is a pickle.* python -c ") as raised:
            read(path, a=(1,))
        assert "\n" not in str(raised.value)
    assert str(raised.value).endswith(f" '{archive}' '{archive.with_suffix('.safetensors')}'")
    with pytest.raises(UserError, match="is a pickle"):
        vgg16.load(str(bare))


def test_missing_package_is_named(tmp_path, monkeypatch):
    safetensors.numpy.save_file(TENSORS, tmp_path / "some")
    monkeypatch.setitem(sys.modules, "safetensors", None)
    with pytest.raises(UserError, match="needs the package safetensors: pip install"):
        read(tmp_path / "some", a=(2, 3))
