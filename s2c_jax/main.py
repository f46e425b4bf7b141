"""Trains: python -m s2c_jax.main --config configs/openmoji.py --workdir runs/openmoji."""

import sys
from collections.abc import Sequence
from pathlib import Path

from absl import app, flags, logging
from ml_collections import config_flags

from s2c_jax import config as config_lib
from s2c_jax.errors import UserError
from s2c_jax.train import train_and_evaluate

_CONFIG = config_flags.DEFINE_config_file(
    "config", None, "A file of configs/; --config.KEY=VALUE overrides one of its settings."
)
_WORKDIR = flags.DEFINE_string("workdir", None, "Everything of the run is written here.")
flags.mark_flags_as_required(["config", "workdir"])


def main(arguments: Sequence[str]) -> None:
    """Trains with the settings that the flags give."""
    try:
        if arguments[1:]:
            raise UserError(f"what is {arguments[1]!r} for? A setting looks like --config.seed=1")
        if not _WORKDIR.value:
            raise UserError("--workdir names no folder")
        train_and_evaluate(_CONFIG.value, Path(str(_WORKDIR.value)))
    except UserError as error:
        sys.exit(f"s2c_jax: {error}")


def parse_flags(arguments: Sequence[str]) -> Sequence[str]:
    """Parses the command line; a mistake in it or in the config file is one line of text."""
    try:
        for argument in arguments[1:]:
            flag = argument.lstrip("-").partition("=")[0]
            if argument.startswith("-") and flag.startswith("config."):
                config_lib.require_key(flag.removeprefix("config."))
        rest = flags.FLAGS(arguments)
        if not flags.FLAGS["verbosity"].present:
            # Orbax tells every step of a save, TFDS warns of a data set that is not there yet.
            logging.set_verbosity(logging.ERROR)
        file = Path(config_flags.get_config_filename(flags.FLAGS["config"]).partition(":")[0])
        if not file.is_file():
            raise UserError(f"--config: there is no file {file}")
        return rest
    except UserError as error:
        sys.exit(f"s2c_jax: {error}")
    except OSError:
        sys.exit("s2c_jax: --config: there is no such file")
    except (ImportError, SyntaxError) as error:
        sys.exit(f"s2c_jax: --config: {error}")
    except (flags.Error, AttributeError, KeyError) as error:
        # absl reports a mistake in the config file with the traceback as text: its end says what.
        lines = str(error.args[0]).strip().splitlines()
        sys.exit(f"s2c_jax: {lines[-1] if len(lines) > 3 else lines[0]}")


if __name__ == "__main__":
    app.run(main, flags_parser=parse_flags)
