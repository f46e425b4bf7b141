"""Trains: python -m s2c_jax.main --config configs/openmoji.py --workdir runs/openmoji."""

import sys
from collections.abc import Sequence
from signal import Signals

from absl import app

from s2c_jax import flags, runtime
from s2c_jax.errors import UserError
from s2c_jax.train import train_and_evaluate


def main(arguments: Sequence[str]) -> None:
    """Trains with the settings that the flags give."""
    runtime.prepare()
    try:
        if arguments[1:]:
            raise UserError(f"what is {arguments[1]!r} for? A setting looks like --config.seed=1")
        flags.join_processes()
        signal = train_and_evaluate(flags.CONFIG.value, flags.workdir())
    except UserError as error:
        sys.exit(f"s2c_jax: {error}")
    except KeyboardInterrupt:
        # Before there is a state, there is nothing to keep.
        signal = Signals.SIGINT
    if signal:
        sys.exit(128 + signal)


if __name__ == "__main__":
    app.run(main, flags_parser=flags.parse)
