"""What the tests share: eight devices, checked shapes and dtypes, a data set of small drawings."""

import os
import tempfile

# Before JAX starts: the multi-device tests need more than one device.
os.environ["XLA_FLAGS"] = (
    os.environ.get("XLA_FLAGS", "") + " --xla_force_host_platform_device_count=8"
)
os.environ["JAX_PLATFORMS"] = "cpu"
# Many tests start the same run: its programs are compiled once a session.
_COMPILED = tempfile.TemporaryDirectory()
os.environ["JAX_COMPILATION_CACHE_DIR"] = _COMPILED.name
os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0.1"

from jaxtyping import install_import_hook

# Every annotation of the package is checked while the tests run.
install_import_hook("s2c_jax", "beartype.beartype")

import colorsys
import gc
import pathlib
from collections.abc import Iterator

import jax
import pytest
from ml_collections import ConfigDict

from s2c_jax.datasets.openmoji_sketch import openmoji_sketch
from s2c_jax.training.loop import train_and_evaluate
from tests.support.configs import make_small_config
from tests.support.drawings import NUM_DRAWINGS, drawing


@pytest.fixture(scope="module", autouse=True)
def forget_programs() -> Iterator[None]:
    """Each compiled program keeps memory maps; with more than 65,530 a process crashes on Linux."""
    yield
    maps = pathlib.Path("/proc/self/maps")
    if maps.exists() and maps.read_bytes().count(b"\n") > 30_000:
        jax.clear_caches()
        gc.collect()


@pytest.fixture(scope="session")
def svg_folder(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    folder = tmp_path_factory.mktemp("svg")
    for i in range(NUM_DRAWINGS):
        red, green, blue = (
            round(255 * part) for part in colorsys.hsv_to_rgb(i / NUM_DRAWINGS, 1, 1)
        )
        color = f"#{red:02x}{green:02x}{blue:02x}"
        (folder / f"{0x1F400 + i:X}.svg").write_text(drawing(color, 8 + i / 2))
    return folder


@pytest.fixture(scope="session")
def data_dir(tmp_path_factory: pytest.TempPathFactory, svg_folder: pathlib.Path) -> str:
    """Where openmoji_sketch/64 is prepared from the small drawings."""
    path = tmp_path_factory.mktemp("data")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(openmoji_sketch, "svg_folder", lambda: svg_folder)
        openmoji_sketch.OpenmojiSketch(config="64", data_dir=path).download_and_prepare()
    return str(path)


@pytest.fixture
def small_config(data_dir: str) -> ConfigDict:
    return make_small_config(data_dir)


@pytest.fixture
def keras_config(small_config: ConfigDict) -> ConfigDict:
    """A small run whose generator can come from Keras."""
    small_config.generator.upsampling = "transposed"
    return small_config


@pytest.fixture(scope="session")
def workdir(tmp_path_factory: pytest.TempPathFactory, data_dir: str) -> pathlib.Path:
    """A run of one epoch, to colour with; tests leave it as it is."""
    config = make_small_config(data_dir)
    config.num_epochs = 1
    path = tmp_path_factory.mktemp("run")
    train_and_evaluate(config, path)
    return path


@pytest.fixture(scope="session")
def guided_workdir(tmp_path_factory: pytest.TempPathFactory, data_dir: str) -> pathlib.Path:
    """Such a run that takes hints and palettes."""
    config = make_small_config(data_dir)
    config.num_epochs = 1
    config.generator.update(hints=True, palette=True)
    # In so few steps, much: guidance is to show.
    config.optimizer.learning_rate = 0.03
    config.optimizer.ema_decay = 0.0
    path = tmp_path_factory.mktemp("guided")
    train_and_evaluate(config, path)
    return path
