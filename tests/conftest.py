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
import numpy as np
import pytest
from ml_collections import ConfigDict
from tensorboardX.proto import event_pb2

from s2c_jax.config import default_config
from s2c_jax.datasets.openmoji_sketch import openmoji_sketch
from s2c_jax.train import train_and_evaluate

NUM_DRAWINGS = 48


def drawing(color: str, radius: float, *, line: bool = True) -> str:
    """An SVG in OpenMoji's layout: a disc of one colour and its outline."""
    outline = (
        f'<g id="line"><circle cx="36" cy="36" r="{radius}" fill="none" stroke="#000" '
        'stroke-width="2"/></g>'
    )
    return (
        '<svg id="emoji" viewBox="0 0 72 72" xmlns="http://www.w3.org/2000/svg">'
        f'<g id="color"><circle cx="36" cy="36" r="{radius}" fill="{color}"/></g>'
        f"{outline if line else ''}</svg>"
    )


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


def make_small_config(data_dir: str) -> ConfigDict:
    """A run of seconds on the small drawings."""
    config = default_config()
    config.image_size = 64
    config.batch_size = 8
    config.num_epochs = 2
    config.dataset.name = "openmoji_sketch"
    config.dataset.data_dir = data_dir
    config.generator.channels = (4, 8, 8)
    config.discriminator.channels = (4, 8)
    config.loss.feature = 0.0
    config.validation.num_samples = 2
    config.validation.num_pairs = 4
    return config


def assert_trees_equal(actual, expected, **tolerance: float) -> None:
    """Compares trees leaf by leaf, exactly or within NumPy's rtol and atol."""
    assert jax.tree.structure(actual) == jax.tree.structure(expected)
    for (path, left), right in zip(
        jax.tree_util.tree_leaves_with_path(actual), jax.tree.leaves(expected), strict=True
    ):
        name = jax.tree_util.keystr(path)
        if tolerance:
            np.testing.assert_allclose(left, right, err_msg=name, **tolerance)
        else:
            np.testing.assert_array_equal(left, right, err_msg=name)


def scalars(folder: pathlib.Path) -> dict[str, list[tuple[int, float]]]:
    """Reads TensorBoard's records: length (8 bytes), checksum (4), the event, checksum (4)."""
    found: dict[str, list[tuple[int, float]]] = {}
    for file in sorted(folder.glob("events.*")):
        data = file.read_bytes()
        while data:
            length = int.from_bytes(data[:8], "little")
            event = event_pb2.Event.FromString(data[12 : 12 + length])
            data = data[16 + length :]
            for value in event.summary.value:
                found.setdefault(value.tag, []).append((event.step, value.simple_value))
    return found
