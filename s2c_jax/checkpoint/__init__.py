"""Checkpoints: both networks, their optimisers and the position in the data, saved by Orbax.

A run's checkpoints are in `workdir`/checkpoints, one folder for each step. Its items are "state";
"data", the position in the data; "metrics", if the step was measured; and "contents", the manifest
with the checksums of the other items.
"""

from s2c_jax.checkpoint.generator import restore_generator
from s2c_jax.checkpoint.manager import open_manager, restore_latest, save
from s2c_jax.checkpoint.manifest import CorruptCheckpoint
from s2c_jax.checkpoint.steps import RANKING_METRIC, all_steps, resolve_step

__all__ = [
    "RANKING_METRIC",
    "CorruptCheckpoint",
    "all_steps",
    "open_manager",
    "resolve_step",
    "restore_generator",
    "restore_latest",
    "save",
]
