"""The flags of the commands that take a config file."""

import sys
from collections.abc import Sequence
from pathlib import Path

from absl import flags, logging
from ml_collections import config_flags

from s2c_jax import config as config_lib
from s2c_jax import processes
from s2c_jax.errors import UserError

CONFIG = config_flags.DEFINE_config_file(
    "config", None, "A file of configs/; --config.KEY=VALUE overrides one of its settings."
)
WORKDIR = flags.DEFINE_string("workdir", None, "Everything of the run is written here.")
DISTRIBUTED = flags.DEFINE_boolean(
    "distributed", False, "Join the run's other processes, as SLURM, Open MPI, Kubernetes or Cloud "
    "TPU tell of them."
)  # fmt: skip
COORDINATOR = flags.DEFINE_string(
    "coordinator", None, "HOST:PORT of process 0, to join the others without a scheduler."
)
NUM_PROCESSES = flags.DEFINE_integer("num_processes", None, "How many there are then.")
PROCESS_ID = flags.DEFINE_integer("process_id", None, "Which of them this is, from 0.")
flags.mark_flags_as_required(["config", "workdir"])


def workdir() -> Path:
    """Returns the folder that --workdir names.

    Raises:
        UserError: it names none.
    """
    if not WORKDIR.value:
        raise UserError("--workdir names no folder")
    return Path(WORKDIR.value)


def join_processes() -> None:
    """Joins the run's other processes, if a flag says that there are any.

    Raises:
        UserError: they cannot be found.
    """
    given = (COORDINATOR.value, NUM_PROCESSES.value, PROCESS_ID.value)
    if DISTRIBUTED.value or given != (None, None, None):
        processes.join(*given)


def parse(arguments: Sequence[str]) -> Sequence[str]:
    """Parses the command line; a mistake in it or in the config file is one line of text."""
    try:
        for argument in arguments[1:]:
            flag = argument.lstrip("-").partition("=")[0]
            if argument.startswith("-") and flag.startswith("config."):
                config_lib.require_key(flag.removeprefix("config."))
        rest = flags.FLAGS(arguments)
        if not flags.FLAGS["verbosity"].present:
            # Orbax tells every step of a save, and of one that fails in all of its threads; TFDS
            # warns of a data set that is not there yet.
            logging.set_verbosity(logging.FATAL)
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
