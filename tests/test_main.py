"""`main`: a mistake ends it with one line before anything is written; a good run trains."""

import re
import subprocess
import sys

import pytest
from PIL import Image

from s2c_jax import main, runtime
from tests.support.commands import CONFIG, ROOT, SMALL, parsed_flags, run

# The beginning of a config file.
GET_CONFIG = (
    "from s2c_jax.config import default_config\ndef get_config():\n  c = default_config()\n"
)


@pytest.fixture
def config_files(tmp_path):
    """Writes config files with mistakes."""
    (tmp_path / "key.py").write_text(GET_CONFIG + "  c.optimizer.lern = 1\n  return c\n")
    (tmp_path / "type.py").write_text(GET_CONFIG + "  c.optimizer.learning_rate = 'x'\n  return c")
    (tmp_path / "syntax.py").write_text("def get_config(:")
    (tmp_path / "module.py").write_text("import no_such_module")
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--config.loss.pixl=1"], "config.loss.pixl: no such key; did you mean config.loss.pixel"),
        (["--config.loss=1"], "config.loss: no such key"),
        (["-config.sead=1"], "config.sead: no such key; did you mean config.seed"),
        (["--config.seed=one"], "--config.seed=one"),
        (["--config.seed=-1"], "config.seed is -1"),
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
        (["--config.dataset.data_dir={data}", "--workdir", "{tmp}/key.py/x"], "cannot be written"),
        (["--workdir="], "--workdir names no folder"),
        (["--confg.seed=1"], "confg.seed"),
        (["seed=1"], "what is 'seed=1' for? A setting looks like --config.seed=1"),
        (["--import=no_such_module"], "--import no_such_module: ModuleNotFoundError"),
        (["--config={tmp}/none.py"], "--config: there is no file {tmp}/none.py"),
        (["--config={tmp}/none.py", "--config.seed=1"], "--config: there is no such file"),
        (["--config={tmp}/syntax.py"], "--config: invalid syntax"),
        (["--config={tmp}/module.py"], "--config: No module named 'no_such_module'"),
        (["--config={tmp}/key.py"], 's2c_jax: Key "lern" does not exist'),
        (["--config={tmp}/type.py"], "learning_rate"),
        (["--config={config}:hint"], "--config: there is no variant 'hint'; there is 'hints'"),
        (["--num_processes=2"], "give all three or none"),
    ],
)
def test_a_mistake_ends_main_with_one_line_and_no_workdir(
    config_files, data_dir, monkeypatch, arguments, message
):
    # It would change the memory and the compilation cache of this process.
    monkeypatch.setattr(runtime, "prepare", lambda: None)
    names = {"tmp": config_files, "data": data_dir, "config": CONFIG}
    arguments = [argument.format(**names) for argument in arguments]
    workdir = config_files / "run"

    def command():
        given = (f"--config={CONFIG}", f"--workdir={workdir}", *arguments)
        with parsed_flags(monkeypatch, *given) as rest:
            main.main(rest)

    with pytest.raises(SystemExit) as raised:
        command()
    # Python prints such a code on standard error and exits with status 1.
    line = raised.value.code
    assert isinstance(line, str)
    assert line.startswith("s2c_jax: ")
    assert "\n" not in line
    assert message.format(**names) in line
    assert not workdir.exists()


@pytest.mark.slow(reason="starts a process")
def test_a_mistake_is_printed_on_standard_error_with_exit_code_1(tmp_path):
    done = run("main", "--config", CONFIG, "--workdir", tmp_path / "run", "--config.batch_size=0")
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr == "s2c_jax: config.batch_size is 0: it must be at least 1\n"
    assert not (tmp_path / "run").exists()


@pytest.mark.slow(reason="starts a process")
@pytest.mark.parametrize("flag", ["--help", "-h"])
def test_help_lists_the_flags_and_exits_with_code_0(flag):
    done = run("main", flag)
    assert done.returncode == 0, done.stderr
    assert "python -m s2c_jax.main --config" in done.stdout
    for name in ("config", "workdir", "import", "distributed", "coordinator", "process_id"):
        assert f"  --{name}: " in done.stdout
    assert "default" not in re.search(r"--import: .*", done.stdout)[0]


@pytest.fixture(scope="module")
def trained(tmp_path_factory, data_dir):
    """A run by the command, on the small drawings."""
    workdir = tmp_path_factory.mktemp("runs") / "small"
    data = f"--config.dataset.data_dir={data_dir}"
    done = run("main", "--config", CONFIG, "--workdir", workdir, data, *SMALL)
    return workdir, done


@pytest.mark.slow(reason="trains a run in a process")
def test_main_trains_and_prints_a_line_for_each_epoch(trained):
    workdir, done = trained
    assert done.returncode == 0, done.stderr
    (line,) = done.stderr.strip().splitlines()
    assert re.match(r"epoch 1 of 1  D .* images/s  00:00 left", line)
    assert (workdir / "samples" / "epoch_0001.png").exists()


@pytest.mark.slow(reason="trains a run in a process")
def test_colorize_needs_only_the_workdir_of_a_run(trained, tmp_path):
    workdir, _ = trained
    Image.new("RGB", (50, 20), "white").save(tmp_path / "sketch.png")
    done = run(
        "colorize", "--workdir", workdir, tmp_path / "sketch.png", "--output", tmp_path / "o"
    )
    assert done.returncode == 0, done.stderr
    assert Image.open(tmp_path / "o" / "sketch.png").size == (50, 20)


@pytest.mark.slow(reason="trains a run in a process")
def test_main_refuses_the_workdir_of_another_config(trained, data_dir):
    workdir, _ = trained
    data = f"--config.dataset.data_dir={data_dir}"
    done = run("main", "--config", CONFIG, "--workdir", workdir, data, *SMALL, "--config.seed=1")
    assert done.returncode == 1
    (line,) = done.stderr.strip().splitlines()
    assert "seed was 0 and is 1" in line


@pytest.mark.slow(reason="imports the whole package in a process")
def test_nothing_imports_tensorflow(tmp_path, data_dir):
    """A package named tensorflow, which ends the process when it is imported, stands for it."""
    fake = tmp_path / "tensorflow"
    fake.mkdir()
    (fake / "__init__.py").write_text("raise SystemExit('TensorFlow was imported')")
    script = f"""
import importlib, pkgutil, sys
sys.path.insert(0, {str(tmp_path)!r})
import s2c_jax
for module in pkgutil.walk_packages(s2c_jax.__path__, "s2c_jax."):
    importlib.import_module(module.name)
from s2c_jax.datasets import input_pipeline
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
    assert int(done.stdout.split()[-1]) > 60
