"""Exported generators give the same pictures in ONNX Runtime, and in JAX without the package."""

import subprocess
import sys

import jax
import numpy as np
import onnx
import onnxruntime
import pytest

from s2c_jax.datasets import input_pipeline
from s2c_jax.errors import UserError
from s2c_jax.export import __main__
from s2c_jax.inference import generate, load
from s2c_jax.inference.colorizer import Colorizer

# Runs a StableHLO file in a process that cannot import the package.
RUN_STABLEHLO = """
import sys
sys.modules["s2c_jax"] = None
import jax, jax.export, numpy as np
file, inputs, output = sys.argv[1:]
color = jax.export.deserialize(open(file, "rb").read()).call(*np.load(inputs).values())
np.save(output, color)
"""


def run(arguments, capsys):
    with pytest.raises(SystemExit) as exit_:
        __main__.main([str(argument) for argument in arguments])
    return exit_.value.code, capsys.readouterr()


def make_inputs(trained, shape, data_dir):
    """Returns sketches from the data, tiled to the shape, and random hints and palettes."""
    rng = np.random.default_rng(0)
    batch, height, width = shape
    source = input_pipeline.open_split("openmoji_sketch", 64, "validation", data_dir)
    pairs = input_pipeline.read_pairs(source, [i % len(source) for i in range(batch)])
    tiled = np.tile(pairs["sketch"], (1, height // 64 + 1, width // 64 + 1, 1))
    inputs = {"sketch": (tiled[:, :height, :width] / 127.5 - 1).astype(np.float32)}
    if trained.generator.hints:
        alpha = rng.integers(0, 2, (*shape, 1))
        colors = rng.uniform(-1, 1, (*shape, 3)) * alpha
        inputs["hints"] = np.concatenate([colors, alpha], axis=-1).astype(np.float32)
    if trained.generator.palette:
        colors = rng.uniform(-1, 1, (batch, 4, 4, 3))
        opaque = np.pad(colors, [(0, 0)] * 3 + [(0, 1)], constant_values=1)
        inputs["palette"] = opaque.astype(np.float32)
    return inputs


def apply_generator(trained, inputs):
    """Returns the output of the generator itself, which is not constant."""
    color = trained.generator.apply(
        jax.tree.map(jax.numpy.asarray, trained.variables),
        **{name: jax.numpy.asarray(value) for name, value in inputs.items()},
        train=False,
    )
    assert np.asarray(color).std() > 0
    return color


@pytest.fixture(scope="module", params=["workdir", "guided_workdir"])
def folder(request):
    """The workdir of a run without guidance, and of one with hints and palettes."""
    return request.getfixturevalue(request.param)


@pytest.fixture(scope="module")
def onnx_file(folder, tmp_path_factory):
    path = tmp_path_factory.mktemp("onnx") / "model.onnx"
    __main__.main(["--workdir", str(folder), "--format", "onnx", str(path)])
    return path


@pytest.mark.slow(reason="converts the generator, and compiles it for three shapes")
def test_onnx_file_gives_the_same_colours_for_any_batch_and_size(folder, onnx_file, data_dir):
    trained = load.load_generator(folder, "last")
    onnx.checker.check_model(onnx.load(onnx_file), full_check=True)
    session = onnxruntime.InferenceSession(onnx_file)
    names = [node.name for node in session.get_inputs()]
    assert names == list(generate.network_inputs(trained.generator))
    for shape in ((20, 64, 64), (1, 64, 64), (3, 40, 104)):
        inputs = make_inputs(trained, shape, data_dir)
        (color,) = session.run(["color"], inputs)
        np.testing.assert_allclose(color, apply_generator(trained, inputs), atol=1e-4)


@pytest.mark.slow(reason="starts a process with JAX for each of two shapes")
def test_stablehlo_file_runs_without_the_package(folder, tmp_path, data_dir):
    file = tmp_path / "model.stablehlo"
    __main__.main(["--workdir", str(folder), "--format", "stablehlo", str(file)])
    trained = load.load_generator(folder, "last")
    for shape in ((5, 64, 64), (1, 72, 40)):
        inputs = make_inputs(trained, shape, data_dir)
        np.savez(tmp_path / "inputs.npz", **inputs)
        arguments = [file, tmp_path / "inputs.npz", tmp_path / "color.npy"]
        subprocess.run(
            [sys.executable, "-c", RUN_STABLEHLO, *map(str, arguments)], check=True, cwd=tmp_path
        )
        color = np.load(tmp_path / "color.npy")
        np.testing.assert_allclose(color, apply_generator(trained, inputs), atol=1e-4)


@pytest.mark.slow(reason="converts the generator to ONNX")
def test_onnx_file_holds_its_metadata(folder, onnx_file, tmp_path):
    entries = onnxruntime.InferenceSession(onnx_file).get_modelmeta().custom_metadata_map
    assert "[-1, 1]" in entries["sketch"]
    assert "multiples of 8" in entries["sketch"]
    assert entries["image_size"] == "64"
    assert "CC BY-SA 4.0" in entries["license"]
    assert "OpenMoji" in entries["license"]
    assert {"color", "step", "producer"} <= set(entries)
    guidance = set(generate.network_inputs(load.load_generator(folder, "last").generator))
    assert {"hints", "palette"} & set(entries) == guidance - {"sketch"}


@pytest.mark.slow(reason="converts the generator to ONNX")
def test_licence_flag_sets_the_licence_and_metadata_is_printed(workdir, tmp_path, capsys):
    file = tmp_path / "model.onnx"
    file.write_text("an earlier file")
    arguments = ["--workdir", str(workdir), "--format", "onnx", "--licence", "mine", str(file)]
    __main__.main([*arguments, "--overwrite"])
    entries = onnxruntime.InferenceSession(file).get_modelmeta().custom_metadata_map
    assert entries["license"] == "mine"
    printed = capsys.readouterr().out
    assert "license: mine" in printed
    assert "[-1, 1]" in printed


def test_existing_files_are_kept_without_overwrite(tmp_path, capsys):
    file = tmp_path / "model.onnx"
    file.write_text("mine")
    code, _ = run(["--workdir", tmp_path, "--format", "onnx", file], capsys)
    assert "--overwrite" in code
    assert file.read_text() == "mine"


def test_missing_runs_and_folders_are_named(workdir, tmp_path, capsys):
    code, _ = run(["--workdir", tmp_path / "none", "--format", "onnx", tmp_path / "a"], capsys)
    assert "none" in code
    file = tmp_path / "none" / "model.stablehlo"
    code, _ = run(["--workdir", workdir, "--format", "stablehlo", file], capsys)
    assert code == f"s2c_jax: {file.parent}: there is no such folder"
    code, _ = run(["--workdir", workdir, "--format", "onnx", "--overwrite", tmp_path], capsys)
    assert code == f"s2c_jax: {tmp_path}: is a folder"


@pytest.mark.parametrize(("format", "package"), [("onnx", "jax2onnx"), ("html", "pooch")])
def test_missing_package_is_named_with_its_extra(
    workdir, tmp_path, capsys, monkeypatch, format, package
):
    monkeypatch.setitem(sys.modules, package, None)
    if format == "html":
        # Skip the slow conversion to ONNX, which comes first.
        monkeypatch.setattr("s2c_jax.export.export_run.to_onnx", lambda *arguments: None)
        monkeypatch.setattr("s2c_jax.export.export_run.encode_onnx", lambda *arguments: b"")
    code, _ = run(["--workdir", workdir, "--format", format, tmp_path / "file"], capsys)
    assert package in code
    assert "s2c_jax[export]" in code


@pytest.mark.slow(reason="compiles for JAX, and converts to ONNX")
def test_both_backends_of_a_colorizer_give_the_same_pictures(folder):
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


@pytest.mark.slow(reason="converts two generators to ONNX")
def test_onnx_runtime_varies_by_palette_alone(workdir, guided_workdir):
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    sketches = np.stack([noise, noise])
    first, second = Colorizer(guided_workdir, backend="onnxruntime").colorize_squares(
        sketches, seeds=[1, 2]
    )
    assert (first != second).any()
    with pytest.raises(UserError, match="backend"):
        Colorizer(workdir, backend="onnxruntime").colorize_squares(sketches, seeds=[1, 2])
