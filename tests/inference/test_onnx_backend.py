"""Inference with ONNX Runtime, on its own; tests/export compares its pictures with JAX's."""

import sys

import pytest

from s2c_jax.errors import UserError
from s2c_jax.inference import onnx_backend
from s2c_jax.inference.colorizer import Colorizer
from s2c_jax.models.generator import Generator


@pytest.mark.parametrize("hints", [False, True])
@pytest.mark.parametrize("palette", [False, True])
def test_network_inputs_name_the_guidance_that_a_generator_takes(hints, palette):
    generator = Generator(
        channels=(4, 8, 8), dropout_rate=0.5, dropout_layers=1, upsampling="resize",
        hints=hints, palette=palette,
    )  # fmt: skip
    inputs = onnx_backend.network_inputs(generator)
    assert inputs["sketch"] == ("batch", "8*height", "8*width", 3)
    assert inputs.get("hints") == (("batch", "8*height", "8*width", 4) if hints else None)
    assert inputs.get("palette") == (("batch", 4, 4, 4) if palette else None)


@pytest.mark.parametrize("package", ["onnxruntime", "jax2onnx"])
def test_missing_package_is_named_with_its_extra(workdir, monkeypatch, package):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(UserError, match=rf"{package}.*s2c_jax\[export\]"):
        Colorizer(workdir, backend="onnxruntime")
