"""Trains: python -m s2c_jax.main --config configs/characters.py --workdir runs/characters.

The same command continues a run that was stopped, from its last checkpoint.
"""

import sys
from collections.abc import Sequence
from signal import Signals

from absl import app

from s2c_jax import cli, flags, runtime
from s2c_jax.training.loop import train_and_evaluate


def main(arguments: Sequence[str]) -> None:
    """Trains with the settings of the flags.

    A signal that stops the run makes the exit code 128 + its number, as in a shell.
    """
    runtime.prepare()
    with cli.user_errors():
        flags.require_no_arguments(arguments)
        flags.join_processes()
        try:
            signal = train_and_evaluate(flags.CONFIG.value, flags.workdir())
        except KeyboardInterrupt:
            # Ctrl-C before training handles signals, or at any time with several processes: no
            # checkpoint is saved.
            signal = Signals.SIGINT
    if signal:
        sys.exit(128 + signal)


if __name__ == "__main__":
    app.run(main, flags_parser=flags.parse)
