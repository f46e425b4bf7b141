"""Reads the generator that colours, and nothing else, from a run's checkpoints."""

from pathlib import Path

import orbax.checkpoint as ocp
from jaxtyping import PyTree

from s2c_jax.checkpoint.manifest import read_manifest, reading, tree_checksums, verify
from s2c_jax.checkpoint.steps import resolve_step


def restore_generator(
    workdir: Path, variables: PyTree, step: int | str, *, averaged: bool
) -> tuple[int, PyTree]:
    """Reads the generator that colours, and nothing else, from a run's checkpoints.

    Args:
        workdir: the run's.
        variables: the collections "params" and "batch_stats", as shapes and dtypes.
        step: which checkpoint, see `find`.
        averaged: whether the run keeps the generator's moving average, which colours then.

    Returns:
        The step and the variables.

    Raises:
        UserError: there is no such checkpoint, or it cannot be read, or is not what was saved.
    """
    step = resolve_step(workdir, step)
    folder = workdir.absolute() / "checkpoints" / str(step)
    name = "ema" if averaged else "generator"
    wanted = {name: variables}
    with reading(folder), ocp.Checkpointer(ocp.PyTreeCheckpointHandler()) as checkpointer:
        contents = read_manifest(folder)
        restored = checkpointer.restore(
            folder / "state",
            args=ocp.args.PyTreeRestore(
                wanted,
                restore_args=ocp.checkpoint_utils.construct_restore_args(wanted),
                partial_restore=True,
            ),
        )
        verify(tree_checksums(restored), contents)
    return step, restored[name]
