"""What the tests share: eight devices, checked annotations, a small data set and trained runs."""

import hashlib
import os
import pathlib
import platform
import re

from tests.support.environment import xla_flags

_CPUINFO = pathlib.Path("/proc/cpuinfo")


def _cpu() -> str:
    """Returns a name for the CPU's instruction sets; programs compiled for others may crash."""
    info = _CPUINFO.read_text() if _CPUINFO.exists() else ""
    features = re.search(r"^(flags|Features)\s*:.*$", info, re.MULTILINE)
    return hashlib.sha256((features[0] if features else platform.machine()).encode()).hexdigest()


# JAX reads these variables when it is imported. The multi-device tests need several devices.
os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {xla_flags(devices=8)}"
os.environ["JAX_PLATFORMS"] = "cpu"
# Keep compiled programs for the other processes and for the next session. JAX's key
# of a program contains its code, the flags and the versions of JAX and XLA.
os.environ["JAX_COMPILATION_CACHE_DIR"] = str(
    pathlib.Path(__file__).parents[1] / ".pytest_cache" / "jax" / _cpu()[:8]
)
os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0.1"

from jaxtyping import install_import_hook

# Every annotation of the package is checked while the tests run.
install_import_hook("s2c_jax", "beartype.beartype")

import colorsys
import gc
from collections.abc import Iterator

import jax
import pytest
from ml_collections import ConfigDict

from s2c_jax.datasets.openmoji_sketch import openmoji_sketch
from s2c_jax.training.loop import train_and_evaluate
from tests.support.configs import make_small_config
from tests.support.drawings import NUM_DRAWINGS, drawing

# Linux ends a process with more than 65,530 memory maps (vm.max_map_count).
_MAX_MAPS = 30_000


@pytest.fixture(scope="module", autouse=True)
def bound_memory_maps() -> Iterator[None]:
    """Frees the compiled programs, each of which holds memory maps, before there are too many."""
    yield
    maps = pathlib.Path("/proc/self/maps")
    if maps.exists() and maps.read_bytes().count(b"\n") > _MAX_MAPS:
        jax.clear_caches()
        gc.collect()


@pytest.fixture(scope="session")
def svg_folder(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """Drawings of discs, each of its own hue and radius."""
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
    """TFDS's data directory, with openmoji_sketch/64 prepared from the small drawings."""
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
    """A small config whose generator has the architecture of the Keras model."""
    small_config.generator.upsampling = "transposed"
    return small_config


@pytest.fixture(scope="session")
def workdir(tmp_path_factory: pytest.TempPathFactory, data_dir: str) -> pathlib.Path:
    """A run of `make_small_config`, two epochs with a checkpoint each; tests only read it."""
    path = tmp_path_factory.mktemp("run")
    train_and_evaluate(make_small_config(data_dir), path)
    return path


@pytest.fixture(scope="session")
def guided_workdir(tmp_path_factory: pytest.TempPathFactory, data_dir: str) -> pathlib.Path:
    """A run of one epoch whose generator takes hints and palettes; tests only read it."""
    config = make_small_config(data_dir)
    config.num_epochs = 1
    config.generator.update(hints=True, palette=True)
    # A high rate and no average: after five steps hints and palettes must change the picture.
    config.optimizer.learning_rate = 0.03
    config.optimizer.ema_decay = 0.0
    path = tmp_path_factory.mktemp("guided")
    train_and_evaluate(config, path)
    return path
