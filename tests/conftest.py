"""What the tests share: eight devices, checked annotations, a small data set and trained runs."""

import hashlib
import os
import pathlib
import platform
import re
import shutil

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
from collections.abc import Callable, Iterator

import filelock
import jax
import pytest
from ml_collections import ConfigDict

from s2c_jax.datasets.openmoji_sketch import openmoji_sketch
from s2c_jax.pretrained.vgg16 import Vgg16
from s2c_jax.training import loop
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


@pytest.fixture(scope="session", autouse=True)
def compile_equal_steps_once() -> Iterator[None]:
    """Shares the compiled step of all runs of this process whose settings of the step are equal.

    To trace a step takes seconds, even if the cache on disk has the compiled program.
    """
    compile_step, compiled = loop.compile_step, {}
    keys = ("seed", "precision", "batch_size", "image_size", "generator", "discriminator", "loss",
            "optimizer", "augmentation")  # fmt: skip

    def compile_once(config: ConfigDict, vgg: Vgg16 | None = None) -> object:
        if vgg is not None:
            return compile_step(config, vgg)
        settings = repr([config[key] for key in keys])
        if settings not in compiled:
            compiled[settings] = compile_step(config)
        return compiled[settings]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop, "compile_step", compile_once)
        yield


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


def made_once(
    factory: pytest.TempPathFactory, name: str, make: Callable[[pathlib.Path], object]
) -> pathlib.Path:
    """Returns a folder that one test process fills by `make`, and for which the others wait."""
    root = factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        # Each worker has a folder of its own in the session's folder.
        root = root.parent
    done = root / f"{name}.done"
    with filelock.FileLock(root / f"{name}.lock"):
        if not done.exists():
            make(root / name)
            done.touch()
    return root / name


@pytest.fixture(scope="session")
def data_dir(tmp_path_factory: pytest.TempPathFactory, svg_folder: pathlib.Path) -> str:
    """TFDS's data directory, with openmoji_sketch/64 prepared from the small drawings."""

    def prepare(path: pathlib.Path) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(openmoji_sketch, "svg_folder", lambda: svg_folder)
            openmoji_sketch.OpenmojiSketch(config="64", data_dir=path).download_and_prepare()

    return str(made_once(tmp_path_factory, "data", prepare))


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
    config = make_small_config(data_dir)
    return made_once(tmp_path_factory, "run", lambda path: train_and_evaluate(config, path))


@pytest.fixture(scope="module")
def run_copy(workdir: pathlib.Path, tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """A copy of `workdir`, to write into."""
    return pathlib.Path(shutil.copytree(workdir, tmp_path_factory.mktemp("copy") / "run"))


@pytest.fixture(scope="session")
def guided_workdir(tmp_path_factory: pytest.TempPathFactory, data_dir: str) -> pathlib.Path:
    """A run of one epoch whose generator takes hints and palettes; tests only read it."""
    config = make_small_config(data_dir)
    config.num_epochs = 1
    config.generator.update(hints=True, palette=True)
    # A high rate and no average: after five steps hints and palettes must change the picture.
    config.optimizer.learning_rate = 0.03
    config.optimizer.ema_decay = 0.0
    return made_once(tmp_path_factory, "guided", lambda path: train_and_evaluate(config, path))
