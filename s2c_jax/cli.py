"""What the commands share: common flags, and how a user's mistake ends a command."""

import argparse
import contextlib
import importlib
import io
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from s2c_jax.errors import UserError, one_line

# The choices of --backend; the first is the default. They are listed here, so that --help does not
# import the networks. A test compares them with `inference.colorizer.Backend`.
BACKENDS = ("jax", "onnxruntime")
# The help of --import, which `flags` has as well.
IMPORT_HELP = (
    "a module to import first, such as one that registers your own TFDS builder; may be repeated"
)


@contextlib.contextmanager
def user_errors() -> Iterator[None]:
    """Turns a `UserError` raised within into one line on standard error and exit code 1.

    Standard output escapes what it cannot encode from now on, as standard error always does.
    """
    # A file's name may hold bytes that are no text, which standard output refuses by default.
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        yield
    except UserError as error:
        sys.exit(one_line(error))


def run_parser(
    module: str, description: str | None, *, step: bool = True
) -> argparse.ArgumentParser:
    """Returns a parser for a command that reads a run: --workdir, --import and, if `step`, --step.

    Args:
        module: the command's module, such as "colorize".
        description: the text that --help prints first.
        step: whether to add --step.
    """
    parser = argparse.ArgumentParser(
        f"python -m s2c_jax.{module}",
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--workdir", type=Path, required=True, help="the training run's folder")
    if step:
        add_step_argument(parser)
    add_import_argument(parser)
    return parser


def add_step_argument(parser: argparse._ActionsContainer) -> None:
    """Adds --step, which says which checkpoint of the run to load."""
    parser.add_argument(
        "--step",
        type=_step,
        default="last",
        help='which checkpoint: a step, "last" (the default) or "best"',
    )


def add_backend_argument(parser: argparse.ArgumentParser) -> None:
    """Adds --backend, which says what computes the network."""
    parser.add_argument(
        "--backend",
        choices=BACKENDS,
        default=BACKENDS[0],
        help="what computes the network: jax (the default), or onnxruntime, which is faster on "
        "CPUs for a single sketch and slower for many large ones",
    )


def add_import_argument(parser: argparse.ArgumentParser) -> None:
    """Adds --import, which names modules to import before anything else."""
    parser.add_argument(
        "--import",
        dest="imports",
        metavar="MODULE",
        action="append",
        default=[],
        help=IMPORT_HELP,
    )


def import_modules(names: Sequence[str]) -> None:
    """Imports the modules of --import, such as "my_package.my_pairs".

    Raises:
        UserError: a module is not found, or raises while it is imported.
    """
    for name in names:
        try:
            importlib.import_module(name)
        # A user's module can raise any exception while it is imported.
        except Exception as error:
            raise UserError(f"--import {name}: {type(error).__name__}: {error}") from error


def _step(text: str) -> int | str:
    """Converts the value of --step."""
    if text in ("last", "best"):
        return text
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f'{text!r} is not a step, "last" or "best"') from None
