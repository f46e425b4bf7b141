"""Restores only the generator that colours, for inference."""

from pathlib import Path

import orbax.checkpoint as ocp
from jaxtyping import PyTree

from s2c_jax.checkpoint.manifest import read_manifest, reading, tree_checksums, verify
from s2c_jax.checkpoint.steps import resolve_step, step_folder


def restore_generator(
    workdir: Path, variables: PyTree, step: int | str, *, averaged: bool
) -> tuple[int, PyTree]:
    """Restores the generator that colours, and reads nothing else of the checkpoint.

    Args:
        workdir: the run's folder.
        variables: shapes and dtypes of the collections "params" and "batch_stats".
        step: see `resolve_step`.
        averaged: whether to restore the moving average, which colours if the run keeps one.

    Returns:
        The checkpoint's step and the variables.

    Raises:
        CorruptCheckpoint: the checkpoint is not what was saved.
        UserError: there is no such checkpoint, or it cannot be read.
    """
    step = resolve_step(workdir, step)
    folder = step_folder(workdir, step)
    name = "ema" if averaged else "generator"
    wanted = {name: variables}
    restore_args = ocp.checkpoint_utils.construct_restore_args(wanted)
    with reading(folder), ocp.Checkpointer(ocp.PyTreeCheckpointHandler()) as checkpointer:
        manifest = read_manifest(folder)
        args = ocp.args.PyTreeRestore(wanted, restore_args=restore_args, partial_restore=True)
        restored = checkpointer.restore(folder / "state", args=args)
        verify(tree_checksums(restored), manifest)
    return step, restored[name]
