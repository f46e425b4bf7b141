"""The command line as a user meets it: in a process of its own."""

import re
import subprocess
import sys

import pytest
from PIL import Image

from tests.support.commands import CONFIG, ROOT, SMALL, run


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--config.loss.pixl=1"], "config.loss.pixl: no such key; did you mean config.loss.pixel"),
        (["--config.loss=1"], "config.loss: no such key"),
        (["--config.seed=one"], "--config.seed=one"),
        (["--config.batch_size=0"], "config.batch_size is 0"),
        (["--config.image_size=100"], "config.image_size is 100"),
        (
            [
                "--config.dataset.data_dir={data}",
                "--config.loss.feature=0.01",
                "--config.loss.feature_weights={tmp}/vgg.h5",
            ],
            "loss.feature_weights: there is no file '{tmp}/vgg.h5'",
        ),
        (["--config.dataset.data_dir={tmp}"], "run python -m s2c_jax.datasets openmoji_sketch/64"),
        (["--config.dataset.name=openmoji_sketch/64"], "no such data set of pairs"),
        (["-config.sead=1"], "config.sead: no such key; did you mean config.seed"),
        (["--config.seed=-1"], "config.seed is -1"),
        (["--config.loss.pixel=inf"], "it must be finite"),
        (["--config", "{tmp}/syntax.py"], "syntax"),
        (["--workdir="], "--workdir names no folder"),
        (["--confg.seed=1"], "confg.seed"),
        (["seed=1"], "what is 'seed=1' for?"),
        (["--config", "{tmp}/none.py"], "there is no file {tmp}/none.py"),
        (["--config", "{tmp}/key.py"], "lern"),
        (["--config", "{tmp}/type.py"], "learning_rate"),
        (["--config.dataset.data_dir={data}", "--workdir", "{tmp}/key.py/x"], "cannot be written"),
    ],
)
def test_a_mistake_gets_one_line(tmp_path, data_dir, arguments, message):
    start = "from s2c_jax.config import default_config\ndef get_config():\n  c = default_config()\n"
    (tmp_path / "key.py").write_text(start + "  c.optimizer.lern = 1\n  return c\n")
    (tmp_path / "syntax.py").write_text("def get_config(:")
    (tmp_path / "type.py").write_text(start + "  c.optimizer.learning_rate = 'x'\n  return c\n")
    arguments = [argument.format(tmp=tmp_path, data=data_dir) for argument in arguments]
    done = run("main", "--config", CONFIG, "--workdir", tmp_path / "run", *arguments)
    assert done.returncode == 1
    (line,) = done.stderr.strip().splitlines()
    assert line.startswith("s2c_jax: ")
    assert message.format(tmp=tmp_path) in line
    assert not (tmp_path / "run").exists()


@pytest.fixture(scope="module")
def trained(tmp_path_factory, data_dir):
    """A run by the command of README, on the small drawings."""
    workdir = tmp_path_factory.mktemp("runs") / "small"
    data = f"--config.dataset.data_dir={data_dir}"
    done = run("main", "--config", CONFIG, "--workdir", workdir, data, *SMALL)
    return workdir, done


def test_training_ends_well_and_says_so_in_plain_lines(trained):
    workdir, done = trained
    assert done.returncode == 0, done.stderr
    (line,) = done.stderr.strip().splitlines()
    assert re.match(r"epoch 1 of 1  D .* images/s  00:00 left", line)
    assert (workdir / "samples" / "epoch_0001.png").exists()


def test_colorize_rebuilds_the_network_from_the_workdir(trained, tmp_path):
    workdir, _ = trained
    Image.new("RGB", (50, 20), "white").save(tmp_path / "sketch.png")
    done = run(
        "colorize", "--workdir", workdir, tmp_path / "sketch.png", "--output", tmp_path / "o"
    )
    assert done.returncode == 0, done.stderr
    assert Image.open(tmp_path / "o" / "sketch.png").size == (50, 20)


def test_a_workdir_of_another_config_is_refused(trained, data_dir):
    workdir, _ = trained
    data = f"--config.dataset.data_dir={data_dir}"
    done = run("main", "--config", CONFIG, "--workdir", workdir, data, *SMALL, "--config.seed=1")
    assert done.returncode == 1
    assert "seed was 0 and is 1" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_data_sets_command_names_what_there_is():
    done = run("datasets", "openmoji_sketch/65")
    assert done.returncode == 1
    assert "there are openmoji_sketch/64, " in done.stderr


def test_nothing_brings_in_tensorflow(tmp_path, data_dir):
    """Even where TensorFlow is installed: here, one that tells when it is imported."""
    fake = tmp_path / "tensorflow"
    fake.mkdir()
    (fake / "__init__.py").write_text("raise SystemExit('TensorFlow was imported')")
    script = f"""
import importlib, pkgutil, sys
sys.path.insert(0, {str(tmp_path)!r})
import s2c_jax
for module in pkgutil.walk_packages(s2c_jax.__path__, "s2c_jax."):
    importlib.import_module(module.name)
from s2c_jax import input_pipeline
source = input_pipeline.open_split("openmoji_sketch", 64, "train", {data_dir!r})
batches = input_pipeline.train_batches(source, batch_size=8, seed=0, num_threads=1)
assert next(batches)["sketch"].size == 8 * 64 * 64 * 3
batches.close()
assert "tensorflow" not in sys.modules
print("imported", len([m for m in sys.modules if m.startswith("s2c_jax")]))
"""
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert int(done.stdout.split()[-1]) > 20
