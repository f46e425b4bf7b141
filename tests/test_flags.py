"""The flags of `main`, and a user's own builder that --import or a config file brings in."""

import shutil
import sys

import pytest

from s2c_jax import checkpoint, distributed, flags
from s2c_jax.errors import UserError
from tests.support.commands import CONFIG, ROOT, parsed_flags, run

# A user's TFDS builder of forty discs, which needs no files.
BUILDER = """
import tensorflow_datasets as tfds
from PIL import Image, ImageDraw

from s2c_jax.datasets import pairs


class Discs(pairs.PairsBuilder[int]):
    VERSION = tfds.core.Version("1.0.0")
    BUILDER_CONFIGS = pairs.configs(64)

    def _info(self):
        return self.pairs_info(description="Discs.")

    def find(self, manual_dir):
        return pairs.split_by_name({f"disc {i}": i for i in range(40)})

    def make(self, source):
        pictures = []
        for fill in ("white", (6 * source, 200, 100)):
            picture = Image.new("RGB", (64, 64), "white")
            ImageDraw.Draw(picture).ellipse((8, 8, 40 + source % 16, 56), fill, "black")
            pictures.append(picture)
        return pairs.encode(sketch=pictures[0], color=pictures[1])
"""
CONFIG_FILE = """
from s2c_jax.config import default_config


def get_config():
    config = default_config()
    config.image_size = 64
    config.batch_size = 8
    config.num_epochs = 1
    config.max_steps = 1
    config.dataset.name = "discs"
    config.dataset.data_dir = {data_dir!r}
    config.generator.channels = (4, 8, 8)
    config.discriminator.channels = (4, 8)
    config.loss.feature = 0.0
    return config
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with a builder, a config that needs --import, and a config that does not."""
    folder = tmp_path_factory.mktemp("mine")
    (folder / "my_builder.py").write_text(BUILDER)
    config = CONFIG_FILE.format(data_dir=str(folder / "data"))
    (folder / "config.py").write_text(config)
    (folder / "importing_config.py").write_text("import my_builder\n" + config)
    done = run(
        "datasets", "discs/64", "--data_dir", folder / "data", "--import", "my_builder", cwd=folder
    )
    assert done.returncode == 0, done.stderr
    assert "discs/64: " in done.stdout
    return folder


@pytest.fixture(scope="module")
def trained(folder):
    """A run on the user's data set, trained with --import from another folder."""
    workdir = folder / "run"
    config = f"--config={folder / 'config.py'}"
    done = run("main", config, "--workdir", workdir, "--import=my_builder")
    assert done.returncode == 0, done.stderr
    return workdir


@pytest.mark.slow(reason="prepares and trains in processes of their own")
def test_main_finds_the_module_of_import_beside_the_config_file(trained):
    assert checkpoint.all_steps(trained)


@pytest.mark.slow(reason="prepares and trains in processes of their own")
def test_main_without_import_names_the_missing_data_set(folder, tmp_path):
    done = run("main", "--config", folder / "config.py", "--workdir", tmp_path / "run")
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert "config.dataset.name, config.image_size: 'discs': no such data set of pairs" in line


@pytest.mark.slow(reason="prepares and trains in processes of their own")
def test_a_config_file_may_import_the_module_itself(folder, trained, tmp_path):
    workdir = shutil.copytree(trained, tmp_path / "run")
    done = run("main", "--config", folder / "importing_config.py", "--workdir", workdir)
    assert done.returncode == 0, done.stderr
    assert "there is nothing left to do" in done.stdout


@pytest.mark.slow(reason="prepares and trains in processes of their own")
def test_evaluate_and_held_out_take_import(folder, trained, tmp_path):
    output = tmp_path / "output"
    for command in (
        ("evaluate", "--num_pairs", 2),
        ("colorize", "--held_out", 2, "--output", output),
    ):
        arguments = (*command, "--workdir", trained)
        assert run(*arguments, cwd=folder).returncode == 1
        done = run(*arguments, "--import", "my_builder", cwd=folder)
        assert done.returncode == 0, done.stderr
    assert (trained / "evaluation" / "metrics.json").exists()
    assert (output / "sheet.png").exists()


def test_parse_returns_the_arguments_that_are_not_flags(monkeypatch, tmp_path):
    given = (f"--config={CONFIG}", f"--workdir={tmp_path}", "--config.seed=3", "generator.h5")
    with parsed_flags(monkeypatch, *given) as rest:
        assert rest == ["main", "generator.h5"]
        assert flags.CONFIG.value.seed == 3
        assert flags.workdir() == tmp_path
        assert sys.path[-1] == str(ROOT / "configs")
        with pytest.raises(UserError, match="what is 'generator.h5' for"):
            flags.require_no_arguments(rest)


@pytest.mark.parametrize("config", [f"--config={CONFIG}:hints", f"-config={CONFIG}:hints"])
def test_parse_applies_the_variant_of_a_config_file(monkeypatch, tmp_path, config):
    with parsed_flags(monkeypatch, config, f"--workdir={tmp_path}"):
        assert flags.CONFIG.value.generator.hints
        assert flags.CONFIG.value.generator.palette


@pytest.mark.parametrize(
    ("arguments", "address"),
    [
        ([], None),
        (["--distributed"], (None, None, None)),
        (
            ["--coordinator=host:1", "--num_processes=2", "--process_id=1"],
            ("host:1", 2, 1),
        ),
    ],
)
def test_join_processes_joins_only_if_a_flag_asks_for_it(monkeypatch, tmp_path, arguments, address):
    joined = []
    monkeypatch.setattr(distributed, "join", lambda *address: joined.append(address))
    given = (f"--config={CONFIG}", f"--workdir={tmp_path}", *arguments)
    with parsed_flags(monkeypatch, *given):
        flags.join_processes()
    assert joined == ([] if address is None else [address])
