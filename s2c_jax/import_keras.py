"""Imports a generator that was trained in Keras.

python -m s2c_jax.import_keras --config configs/sketch2color.py --workdir runs/keras generator.h5

The workdir becomes that of a run whose first checkpoint holds the generator. `colorize` colours
with it, and `main` trains it further.
"""

from collections.abc import Sequence
from pathlib import Path

from absl import app
from absl import flags as absl_flags

from s2c_jax import cli, flags
from s2c_jax.errors import UserError
from s2c_jax.pretrained.keras_generator import KERAS_EPSILON
from s2c_jax.training.import_keras import import_generator

_EPSILON = absl_flags.DEFINE_float(
    "batch_norm_epsilon",
    None,
    "The epsilon that the Keras model's batch norm adds to variances; default: the file's epsilon, "
    f"or Keras's own {KERAS_EPSILON}.",
)


def main(arguments: Sequence[str]) -> None:
    """Imports the file that the command line names."""
    with cli.user_errors():
        if len(arguments) != 2:
            raise UserError("give one Keras file, such as generator.h5")
        workdir = flags.workdir()
        import_generator(Path(arguments[1]), flags.CONFIG.value, workdir, _EPSILON.value)
    print(
        f"{workdir} holds the generator: colour with s2c_jax.colorize, "
        "or train on with s2c_jax.main and the same config"
    )


if __name__ == "__main__":
    app.run(main, flags_parser=flags.parse)
