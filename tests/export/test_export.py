"""Exported generators: the same pictures under ONNX Runtime, and under JAX without the package."""

import subprocess
import sys

import jax
import numpy as np
import onnx
import onnxruntime
import pytest

from s2c_jax.datasets import input_pipeline
from s2c_jax.errors import UserError
from s2c_jax.export import __main__, metadata
from s2c_jax.inference import load, onnx_backend
from s2c_jax.inference.colorizer import Colorizer

# It has nothing but the file and its inputs.
WITHOUT_US = """
import sys
sys.modules["s2c_jax"] = None
import jax, jax.export, numpy as np
file, given, output = sys.argv[1:]
color = jax.export.deserialize(open(file, "rb").read()).call(*np.load(given).values())
np.save(output, color)
"""


def run(arguments, capsys):
    with pytest.raises(SystemExit) as exit_:
        __main__.main([str(argument) for argument in arguments])
    return exit_.value.code, capsys.readouterr()


def given_to(trained, shape, data_dir):
    """Sketches from the data, as far as there are some, and guidance that says something."""
    rng = np.random.default_rng(0)
    batch, height, width = shape
    source = input_pipeline.open_split("openmoji_sketch", 64, "validation", data_dir)
    found = input_pipeline.read_pairs(source, [i % len(source) for i in range(batch)])["sketch"]
    tiled = np.tile(found, (1, height // 64 + 1, width // 64 + 1, 1))[:, :height, :width]
    given = {"sketch": (tiled / 127.5 - 1).astype(np.float32)}
    if trained.generator.hints:
        alpha = rng.integers(0, 2, (*shape, 1))
        colors = rng.uniform(-1, 1, (*shape, 3)) * alpha
        given["hints"] = np.concatenate([colors, alpha], axis=-1).astype(np.float32)
    if trained.generator.palette:
        colors = rng.uniform(-1, 1, (batch, 4, 4, 3))
        given["palette"] = np.pad(colors, [(0, 0)] * 3 + [(0, 1)], constant_values=1)
        given["palette"] = given["palette"].astype(np.float32)
    return given


def ours(trained, given):
    given = {name: jax.numpy.asarray(value) for name, value in given.items()}
    color = trained.generator.apply(
        jax.tree.map(jax.numpy.asarray, trained.variables), **given, train=False
    )
    assert np.asarray(color).std() > 0
    return color


@pytest.mark.parametrize("run_name", ["workdir", "guided_workdir"])
def test_onnx_runtime_colours_alike_any_number_and_size(run_name, request, tmp_path, data_dir):
    folder, file = request.getfixturevalue(run_name), tmp_path / "model.onnx"
    __main__.main(["--workdir", str(folder), "--format", "onnx", str(file)])
    trained = load.load_generator(folder, "last")
    onnx.checker.check_model(onnx.load(file), full_check=True)
    session = onnxruntime.InferenceSession(file)
    assert [put.name for put in session.get_inputs()] == list(
        onnx_backend.network_inputs(trained.generator)
    )
    for shape in ((20, 64, 64), (1, 64, 64), (3, 40, 104)):
        given = given_to(trained, shape, data_dir)
        (color,) = session.run(["color"], given)
        np.testing.assert_allclose(color, ours(trained, given), atol=1e-4)


@pytest.mark.parametrize("run_name", ["workdir", "guided_workdir"])
def test_stablehlo_runs_without_the_package(run_name, request, tmp_path, data_dir):
    folder, file = request.getfixturevalue(run_name), tmp_path / "model.stablehlo"
    __main__.main(["--workdir", str(folder), "--format", "stablehlo", str(file)])
    trained = load.load_generator(folder, "last")
    for shape in ((5, 64, 64), (1, 72, 40)):
        given = given_to(trained, shape, data_dir)
        np.savez(tmp_path / "given.npz", **given)
        arguments = [file, tmp_path / "given.npz", tmp_path / "color.npy"]
        subprocess.run(
            [sys.executable, "-c", WITHOUT_US, *map(str, arguments)], check=True, cwd=tmp_path
        )
        color = np.load(tmp_path / "color.npy")
        np.testing.assert_allclose(color, ours(trained, given), atol=1e-4)


def test_onnx_files_say_what_they_want(guided_workdir, workdir, tmp_path, capsys):
    file = tmp_path / "model.onnx"
    __main__.main(["--workdir", str(guided_workdir), "--format", "onnx", str(file)])
    said = onnxruntime.InferenceSession(file).get_modelmeta().custom_metadata_map
    assert "[-1, 1]" in said["sketch"]
    assert "multiples of 8" in said["sketch"]
    assert said["image_size"] == "64"
    assert "CC BY-SA 4.0" in said["license"]
    assert "OpenMoji" in said["license"]
    assert {"hints", "palette", "color", "step", "producer"} <= set(said)
    assert "[-1, 1]" in capsys.readouterr().out

    arguments = ["--workdir", str(workdir), "--format", "onnx", "--licence", "mine", str(file)]
    __main__.main([*arguments, "--overwrite"])
    said = onnxruntime.InferenceSession(file).get_modelmeta().custom_metadata_map
    assert said["license"] == "mine"
    assert not {"hints", "palette"} & set(said)


def test_a_licence_that_is_not_known_is_not_made_up():
    assert "not stated" in metadata.licence_of("no_such_builder", 64)
    assert "not stated" in metadata.licence_of("folder_pairs", 64)


def test_mistakes_are_named(workdir, tmp_path, capsys):
    file = tmp_path / "model.onnx"
    file.write_text("mine")
    code, _ = run(["--workdir", workdir, "--format", "onnx", file], capsys)
    assert "--overwrite" in code
    assert file.read_text() == "mine"
    code, _ = run(["--workdir", tmp_path / "none", "--format", "onnx", tmp_path / "a"], capsys)
    assert "none" in code
    where = tmp_path / "none" / "model.stablehlo"
    code, _ = run(["--workdir", workdir, "--format", "stablehlo", where], capsys)
    assert "cannot be written" in code


def test_a_missing_package_is_named(workdir, tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "jax2onnx", None)
    code, _ = run(["--workdir", workdir, "--format", "onnx", tmp_path / "model.onnx"], capsys)
    assert "s2c_jax[export]" in code


@pytest.mark.parametrize("run_name", ["workdir", "guided_workdir"])
def test_a_colorizer_of_either_backend_gives_the_same_pictures(run_name, request):
    folder = request.getfixturevalue(run_name)
    by_jax, by_onnx = (Colorizer(folder, backend=name) for name in ("jax", "onnxruntime"))
    sketches = np.random.default_rng(0).integers(0, 256, (11, 64, 64, 3), np.uint8)
    guidance = {}
    if by_jax.takes_hints:
        hints = np.zeros((64, 64, 4), np.uint8)
        hints[:20] = (250, 10, 10, 255)
        guidance = {
            "hints": [hints, *[None] * 10],
            "palettes": [None, np.full((4, 4, 4), 255, np.uint8), *[None] * 9],
        }
    pictures = [each.colorize_squares(sketches, **guidance) for each in (by_jax, by_onnx)]
    first, second = (each.astype(int) for each in pictures)
    assert np.abs(first - second).max() <= 1


def test_onnx_runtime_has_variants_by_palette_alone(workdir, guided_workdir):
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    sketches = np.stack([noise, noise])
    first, second = Colorizer(guided_workdir, backend="onnxruntime").colorize_squares(
        sketches, seeds=[1, 2]
    )
    assert (first != second).any()
    with pytest.raises(UserError, match="--backend jax"):
        Colorizer(workdir, backend="onnxruntime").colorize_squares(sketches, seeds=[1, 2])
