"""What the experiments share: their settings, and training by the command line."""

import importlib.util
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import ml_collections

# What makes of configs/sketch2color.py the article's recipe on OpenMoji, in minutes on two cores:
# pictures of 64 px, and networks of half the width that are halved as often as fits. Real VGG16
# weights are a download that not every machine can make, so it goes without the feature loss.
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
    """What a run printed after each epoch.

    Attributes:
        mean_absolute_error: over the validation split, range [-1, 1].
        images_per_second: the training speed.
    """

    mean_absolute_error: list[float]
    images_per_second: list[float]


def configured(config: str, settings: Mapping[str, object]) -> ml_collections.ConfigDict:
    """Returns the settings of a file of configs/ with some of them overridden."""
    spec = importlib.util.spec_from_file_location("config", config)
    assert spec is not None, config
    assert spec.loader is not None, config
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    found: ml_collections.ConfigDict = module.get_config()
    found.update_from_flattened_dict(settings)
    return found


def train(config: str, settings: Mapping[str, object], workdir: Path | None = None) -> Run:
    """Trains once, or goes on with what was begun in a workdir.

    Args:
        config: a file of configs/.
        settings: what to override in it.
        workdir: of the run; None is a temporary one.
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
