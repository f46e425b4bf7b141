"""The flags of the commands that take a config file: `main` and `import_keras`.

They are absl's, since `ml_collections.config_flags` overrides settings by --config.KEY=VALUE. The
flags of the other commands are in `cli`.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from absl import flags, logging
from ml_collections import config_flags

from s2c_jax import cli, distributed
from s2c_jax import config as config_lib
from s2c_jax.errors import UserError, one_line

CONFIG = config_flags.DEFINE_config_file(
    "config", None, "A file of configs/; --config.KEY=VALUE overrides one of its settings."
)
WORKDIR = flags.DEFINE_string("workdir", None, "The folder to which the run writes everything.")
IMPORTS = flags.DEFINE_multi_string("import", [], cli.IMPORT_HELP)
DISTRIBUTED = flags.DEFINE_boolean(
    "distributed",
    False,
    "Join the run's other processes; SLURM, Open MPI, Kubernetes and Cloud TPU say where they are.",
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

_HELP = ("-h", "-help", "--help", "-helpfull", "--helpfull", "-helpshort", "--helpshort")


def workdir() -> Path:
    """Returns the folder that --workdir names.

    Raises:
        UserError: it names none.
    """
    if not WORKDIR.value:
        raise UserError("--workdir names no folder")
    return Path(WORKDIR.value)


def require_no_arguments(arguments: Sequence[str]) -> None:
    """Checks that the command line has flags only.

    Args:
        arguments: what `parse` returned.

    Raises:
        UserError: there is an argument that is no flag.
    """
    if arguments[1:]:
        raise UserError(f"what is {arguments[1]!r} for? A setting looks like --config.seed=1")


def join_processes() -> None:
    """Joins the run's other processes, if a flag says that there are any.

    Raises:
        UserError: they cannot be found.
    """
    address = (COORDINATOR.value, NUM_PROCESSES.value, PROCESS_ID.value)
    if DISTRIBUTED.value or address != (None, None, None):
        distributed.join(*address)


def parse(arguments: Sequence[str]) -> Sequence[str]:
    """Parses the command line; a mistake in it or in the config file is one line of text.

    The folder of the config file is put on `sys.path`, so that a config can import modules, such as
    a TFDS builder, that lie beside it.

    Args:
        arguments: the command line, with the program's name in front.

    Returns:
        The program's name, and the arguments that are no flags.
    """
    if any(argument in _HELP for argument in arguments[1:]):
        _print_help()
        sys.exit(0)
    try:
        _require_config_keys(arguments[1:])
        _import_from_config_folder(arguments[1:])
        rest = flags.FLAGS(arguments)
        if not flags.FLAGS["verbosity"].present:
            # Orbax logs every step of a save; TFDS warns of a data set that is not prepared yet.
            logging.set_verbosity(logging.FATAL)
        file = Path(config_flags.get_config_filename(flags.FLAGS["config"]).partition(":")[0])
        if not file.is_file():
            raise UserError(f"--config: there is no file {file}")
        cli.import_modules(IMPORTS.value)
        return rest
    except UserError as error:
        sys.exit(one_line(error))
    except OSError:
        sys.exit(one_line("--config: there is no such file"))
    except (ImportError, SyntaxError) as error:
        sys.exit(one_line(f"--config: {error}"))
    except (flags.Error, AttributeError, KeyError) as error:
        # absl puts the traceback of a mistake in the config file into its message; the last line
        # names the mistake.
        lines = str(error.args[0]).strip().splitlines()
        sys.exit(one_line(lines[-1] if len(lines) > 3 else lines[0]))


def _print_help() -> None:
    """Prints the command's docstring and the flags of this module and the command's own."""
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


def _import_from_config_folder(arguments: Sequence[str]) -> None:
    """Puts the config file's folder on `sys.path`; absl executes the file while it parses."""
    for i, argument in enumerate(arguments):
        name, equals, value = argument.lstrip("-").partition("=")
        if argument.startswith("-") and name == "config":
            file = value if equals else "".join(arguments[i + 1 : i + 2])
            sys.path.append(str(Path(file.partition(":")[0]).resolve().parent))
