"""What the experiments share: one training run by the command line, and what it printed."""

import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from typing import NamedTuple


class Run(NamedTuple):
    """What a run printed after each epoch.

    Attributes:
        mean_absolute_error: over the validation split, range [-1, 1].
        images_per_second: the training speed.
    """

    mean_absolute_error: list[float]
    images_per_second: list[float]


def train(config: str, settings: Mapping[str, object]) -> Run:
    """Trains once in a temporary workdir.

    Args:
        config: a file of configs/.
        settings: what to override in it.
    """
    with tempfile.TemporaryDirectory() as workdir:
        command = [sys.executable, "-m", "s2c_jax.main", "--config", config, "--workdir", workdir]
        command += [f"--config.{key}={value}" for key, value in settings.items()]
        done = subprocess.run(command, stderr=subprocess.PIPE, text=True)
        if done.returncode:
            sys.exit(done.stderr)
    epochs = re.findall(r"validation/mae ([\d.]+).*?([\d.]+) images/s", done.stderr)
    return Run([float(error) for error, _ in epochs], [float(speed) for _, speed in epochs])
