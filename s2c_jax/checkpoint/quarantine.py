"""Moves damaged checkpoints to the quarantine, `workdir`/damaged."""

from pathlib import Path

from s2c_jax import distributed
from s2c_jax.errors import UserError, print_error


def quarantine_path(workdir: Path, folder: Path) -> Path:
    """Returns where `quarantine` moves a folder, unless an earlier one is there already."""
    return workdir / "damaged" / "_".join(folder.relative_to(workdir / "checkpoints").parts)


def quarantine(workdir: Path, folder: Path, reason: str) -> None:
    """Moves a damaged folder to `workdir`/damaged and prints why, on the primary process.

    Args:
        workdir: the run's folder.
        folder: a checkpoint's folder, or the folder of one of its items.
        reason: what is wrong with the folder.

    Raises:
        UserError: the folder cannot be moved.
    """
    if not distributed.is_primary():
        return
    first = target = quarantine_path(workdir, folder)
    number = 1
    while target.exists():
        number += 1
        target = first.with_name(f"{first.name}_{number}")
    try:
        # A missing folder is damage, too.
        if folder.exists():
            target.parent.mkdir(exist_ok=True)
            folder.rename(target)
            reason += f": it is in {target} now"
    except OSError as error:
        raise UserError(
            f"{reason}, and it cannot be moved to {target} ({error.strerror or error})"
        ) from None
    print_error(reason)
