"""What is damaged goes to the run's folder damaged/."""

import sys
from pathlib import Path

from s2c_jax import distributed
from s2c_jax.errors import UserError


def quarantine(workdir: Path, folder: Path, reason: str) -> None:
    """Moves what is damaged of a checkpoint out of the way, and says so; of all processes one."""
    if not distributed.is_primary():
        return
    name = "_".join(folder.relative_to(workdir / "checkpoints").parts)
    place, number = workdir / "damaged" / name, 1
    while place.exists():
        number += 1
        place = place.with_name(f"{name}_{number}")
    try:
        if folder.exists():
            place.parent.mkdir(exist_ok=True)
            folder.rename(place)
            reason += f": it is in {place} now"
    except OSError as error:
        raise UserError(
            f"{reason}, nor can it be moved to {place} ({error.strerror or error})"
        ) from None
    print(f"s2c_jax: {reason}", file=sys.stderr)
