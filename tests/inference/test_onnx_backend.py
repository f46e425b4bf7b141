"""Inference with ONNX Runtime, on its own; tests/export compares its pictures with JAX's."""

import sys

import pytest

from s2c_jax.drawing import palette
from s2c_jax.errors import UserError
from s2c_jax.inference import onnx_backend
from s2c_jax.inference.colorizer import Colorizer
from tests.support.sketches import noise_sketch


@pytest.mark.parametrize(("run", "colors"), [("workdir", None), ("guided_workdir", "red,blue")])
def test_seeds_that_would_give_equal_pictures_are_refused(run, colors, request, monkeypatch):
    """A run without palettes has no random ones, and a given palette takes their place."""
    monkeypatch.setattr(onnx_backend, "make_generate", lambda *_: None)
    colorizer = Colorizer(request.getfixturevalue(run), backend="onnxruntime")
    palettes = [palette.from_colors(colors)] * 2 if colors else None
    with pytest.raises(UserError, match="its variants differ by random palettes only"):
        colorizer([noise_sketch()] * 2, palettes=palettes, seeds=[1, 2])


@pytest.mark.parametrize("package", ["onnxruntime", "jax2onnx"])
def test_missing_package_is_named_with_its_extra(workdir, monkeypatch, package):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(UserError, match=rf"{package}.*s2c_jax\[export\]"):
        Colorizer(workdir, backend="onnxruntime")
