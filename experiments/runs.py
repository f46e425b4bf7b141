"""Shared by the experiments: config files, training, measuring, strips of pictures, memory."""

import importlib.util
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import ml_collections
import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageDraw

from s2c_jax.datasets import input_pipeline
from s2c_jax.evaluation import metrics

ROOT = Path(__file__).parents[1]

# Turns configs/sketch2color.py into the article's recipe on OpenMoji, which trains in minutes on
# two cores: 64 px, networks of half the width, and as many halvings as 64 px allow. It has no
# feature loss, because the real VGG16 weights are a download that not every machine can make.
ARTICLE: Mapping[str, object] = {
    "image_size": 64,
    "dataset.name": "openmoji_sketch",
    "generator.channels": (32, 64, 128, 256, 256, 256),
    "discriminator.channels": (32, 64, 128, 256),
    "loss.feature": 0.0,
    "checkpoint.every_epochs": 1000,
    "checkpoint.keep": 1,
}


class Run(NamedTuple):
    """The values that a training run printed after each epoch.

    Attributes:
        mean_absolute_error: over the validation split, range [-1, 1].
        images_per_second: the training speed.
    """

    mean_absolute_error: list[float]
    images_per_second: list[float]


def load_config(config: str, settings: Mapping[str, object]) -> ml_collections.ConfigDict:
    """Returns the settings of a config file with some of them overridden.

    Args:
        config: a file of configs/, or a file and a variant: "configs/openmoji.py:hints".
        settings: the new values by flattened key, such as "loss.feature".
    """
    file, _, variant = config.partition(":")
    spec = importlib.util.spec_from_file_location("config", file)
    assert spec is not None, file
    assert spec.loader is not None, file
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    loaded: ml_collections.ConfigDict = module.get_config(*([variant] if variant else []))
    loaded.update_from_flattened_dict(settings)
    return loaded


def train(config: str, settings: Mapping[str, object], workdir: Path | None = None) -> Run:
    """Trains with the command `s2c_jax.main`, which resumes a run that the workdir holds.

    Args:
        config: a config file, with or without a variant; see `load_config`.
        settings: the settings to override.
        workdir: the run's workdir; None is a temporary one.
    """
    with tempfile.TemporaryDirectory() as temporary:
        command = [sys.executable, "-m", "s2c_jax.main", "--config", config]
        command += ["--workdir", str(workdir or temporary)]
        command += [f"--config.{key}={value}" for key, value in settings.items()]
        done = subprocess.run(command, stderr=subprocess.PIPE, text=True)
        if done.returncode:
            sys.exit(done.stderr)
    epochs = re.findall(r"validation/mae ([\d.]+).*?([\d.]+) images/s", done.stderr)
    return Run([float(error) for error, _ in epochs], [float(speed) for _, speed in epochs])


def measure(
    pairs: input_pipeline.Pairs, colored: UInt8[np.ndarray, "pairs size size 3"]
) -> dict[str, float]:
    """Returns the metrics of coloured pictures, by name, over all pairs."""
    sums: dict[str, metrics.Ratio] = {}
    for sketch, picture, truth in zip(pairs["sketch"], colored, pairs["color"], strict=True):
        sums = metrics.add(sums, metrics.measure(sketch, picture, truth))
    return {name: ratio.value for name, ratio in sums.items()}


def read_validation(dataset: str, size: int, data_dir: str = "") -> input_pipeline.Pairs:
    """Returns all validation pairs of a prepared data set."""
    source = input_pipeline.open_split(dataset, size, "validation", data_dir)
    return input_pipeline.read_pairs(source, range(len(source)))


def strip(
    pictures: UInt8[np.ndarray, "pictures side side 3"], title: str, width: int = 210
) -> UInt8[np.ndarray, "height width 3"]:
    """Lays pictures out side by side, to the right of a title of `width` pixels."""
    side = pictures.shape[1]
    page = Image.new("RGB", (width + len(pictures) * (side + 2), side + 2), "white")
    ImageDraw.Draw(page).text((4, side / 2), title, fill=(32, 32, 32), anchor="lm")
    for i, picture in enumerate(pictures):
        page.paste(Image.fromarray(picture), (width + i * (side + 2), 1))
    return np.asarray(page)


def write_strips(strips: Sequence[UInt8[np.ndarray, "height width 3"]], path: Path) -> None:
    """Writes a picture of strips, one below the other."""
    Image.fromarray(np.concatenate(strips)).save(path, quality=85)


def resident_kilobytes(process_id: int) -> int:
    """Returns the resident memory of a process in kB of 1024 bytes, from Linux's /proc."""
    status = Path(f"/proc/{process_id}/status").read_text()
    match = re.search(r"^VmRSS:\s+(\d+) kB", status, re.MULTILINE)
    assert match is not None, status
    return int(match[1])
