"""The parity tests need PyTorch, Keras, lpips and pytorch-fid, which `make parity` installs."""

import os

import pytest

os.environ["KERAS_BACKEND"] = "jax"

torch = pytest.importorskip("torch", reason="make parity installs PyTorch and runs these")
pytest.importorskip("keras", reason="make parity installs Keras and runs these")
try:
    pytest.importorskip("torchvision", reason="make parity installs torchvision and runs these")
except RuntimeError:
    # PyPI's torchvision is built for PyTorch with CUDA. With a PyTorch without CUDA, its compiled
    # operators are missing. The tests run none of them, but importing torchvision needs them
    # declared.
    OPERATORS = torch.library.Library("torchvision", "DEF")
    for name in ("nms", "qnms"):
        OPERATORS.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
pytest.importorskip("lpips", reason="make parity installs lpips and runs these")
pytest.importorskip("pytorch_fid", reason="make parity installs pytorch-fid and runs these")
