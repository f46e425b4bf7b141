"""Runs the commands as a user does: in a process of its own."""

import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).parents[2]


CONFIG = ROOT / "configs" / "openmoji.py"


SMALL = [
    "--config.batch_size=8",
    "--config.num_epochs=1",
    "--config.generator.channels=(4, 8, 8)",
    "--config.discriminator.channels=(4, 8)",
]


def run(module, *arguments):
    return subprocess.run(
        [sys.executable, "-m", f"s2c_jax.{module}", *map(str, arguments)],
        cwd=ROOT,
        env={"PATH": "", "JAX_PLATFORMS": "cpu", "HOME": "/nonexistent"},
        capture_output=True,
        text=True,
        timeout=300,
    )
