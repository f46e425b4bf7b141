"""The flags of the commands that take a config file: `main` and `import_keras`.

They are absl flags, because `ml_collections.config_flags` adds --config.KEY=VALUE to absl flags.
The other commands use argparse, see `cli`.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from absl import flags, logging
from ml_collections import config_flags

from s2c_jax import cli, distributed
from s2c_jax import config as config_lib
from s2c_jax.errors import UserError, naming

CONFIG = config_flags.DEFINE_config_file(
    "config", None, "A file of configs/; --config.KEY=VALUE overrides one of its settings."
)
WORKDIR = flags.DEFINE_string("workdir", None, "The folder to which the run writes everything.")
IMPORTS = flags.DEFINE_multi_string("import", [], cli.IMPORT_HELP)
DISTRIBUTED = flags.DEFINE_boolean(
    "distributed",
    False,
    "Join the run's other processes; SLURM, Open MPI, Kubernetes or Cloud TPU gives addresses.",
)
COORDINATOR = flags.DEFINE_string(
    "coordinator", None, "HOST:PORT of process 0, to join the others without a scheduler."
)
NUM_PROCESSES = flags.DEFINE_integer(
    "num_processes", None, "The number of processes, with --coordinator."
)
PROCESS_ID = flags.DEFINE_integer(
    "process_id", None, "This process's number, from 0, with --coordinator."
)
flags.mark_flags_as_required(["config", "workdir"])

# absl's own help would list the flags of all imported libraries.
_HELP = ("-h", "-help", "--help", "-helpfull", "--helpfull", "-helpshort", "--helpshort")


def workdir() -> Path:
    """Returns the folder of --workdir; raises UserError if it is empty."""
    if not WORKDIR.value:
        raise UserError("--workdir names no folder")
    return Path(WORKDIR.value)


def require_no_arguments(arguments: Sequence[str]) -> None:
    """Raises UserError if `parse` returned an argument that is not a flag."""
    if arguments[1:]:
        raise UserError(f"what is {arguments[1]!r} for? A setting looks like --config.seed=1")


def join_processes() -> None:
    """Joins the run's other processes if a flag asks for it, see `distributed.join`."""
    address = (COORDINATOR.value, NUM_PROCESSES.value, PROCESS_ID.value)
    if DISTRIBUTED.value or address != (None, None, None):
        distributed.join(*address)


def parse(arguments: Sequence[str]) -> Sequence[str]:
    """Parses the command line, executes the config file, and imports the modules of --import.

    A mistake ends the process with one line on standard error. The folder of the config file is
    appended to `sys.path`, so that the config file and --import find modules beside it.

    Args:
        arguments: the program's name and the command line.

    Returns:
        The program's name and the arguments that are not flags.
    """
    if any(argument in _HELP for argument in arguments[1:]):
        _print_help()
        sys.exit(0)
    with cli.user_errors():
        _require_config_keys(arguments[1:])
        _append_config_folder_to_path(arguments[1:])
        rest = _parse_flags(arguments)
        cli.import_modules(IMPORTS.value)
    return rest


def _parse_flags(arguments: Sequence[str]) -> Sequence[str]:
    """Parses the command line by absl; turns errors of absl and the config file into UserError."""
    try:
        with naming("--config"):
            rest: Sequence[str] = flags.FLAGS(arguments)
    except OSError:
        raise UserError("--config: there is no such file") from None
    except (ImportError, SyntaxError) as error:
        raise UserError(f"--config: {error}") from None
    except (flags.Error, AttributeError, KeyError) as error:
        message = error.args[0]
        # ConfigDict raises AttributeError(KeyError(message)), whose text would have escaped quotes.
        if isinstance(message, KeyError):
            message = message.args[0]
        # absl puts the traceback of a mistake in the config file into its message; the last line
        # names the mistake.
        lines = str(message).strip().splitlines()
        raise UserError(lines[-1] if len(lines) > 3 else lines[0]) from None
    # absl reads a missing file as a config that raises when it is used.
    file = Path(config_flags.get_config_filename(flags.FLAGS["config"]).partition(":")[0])
    if not file.is_file():
        raise UserError(f"--config: there is no file {file}")
    if not flags.FLAGS["verbosity"].present:
        # Orbax logs every step of a save. TFDS warns about a data set that is not prepared yet.
        logging.set_verbosity(logging.FATAL)
    return rest


def _print_help() -> None:
    """Prints the command's docstring, and the flags of this module and of the command's module."""
    command = sys.modules["__main__"]
    print(f"{command.__doc__ or ''}\nflags:")
    for module in (sys.modules[__name__], command):
        for flag in flags.FLAGS.get_flags_for_module(module):
            default = f" (default: {flag.default})" if flag.default not in (None, []) else ""
            print(f"  --{flag.name}: {flag.help}{default}")
    print("\nThe keys of --config.KEY=VALUE: docs/settings.md, or s2c_jax/config.py")


def _require_config_keys(arguments: Sequence[str]) -> None:
    """Raises UserError for an override whose key does not exist, naming the nearest one."""
    for argument in arguments:
        name = argument.lstrip("-").partition("=")[0]
        if argument.startswith("-") and name.startswith("config."):
            config_lib.require_key(name.removeprefix("config."))


def _append_config_folder_to_path(arguments: Sequence[str]) -> None:
    """Puts the config file's folder on `sys.path`, before absl executes the file."""
    for i, argument in enumerate(arguments):
        name, equals, value = argument.lstrip("-").partition("=")
        if argument.startswith("-") and name == "config":
            file = value if equals else "".join(arguments[i + 1 : i + 2])
            sys.path.append(str(Path(file.partition(":")[0]).resolve().parent))
