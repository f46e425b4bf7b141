"""The exception for mistakes that a user can mend, and how the commands print it."""

import contextlib
import sys
from collections.abc import Iterator


class UserError(Exception):
    """A mistake that a user can mend. Its text is one line: what is wrong, where, and what to do.

    The commands print the text without a traceback and exit with status 1.
    """


def one_line(error: UserError | str) -> str:
    """Returns an error as the commands print it, with the program's name in front."""
    return f"s2c_jax: {error}"


def print_error(error: UserError | str) -> None:
    """Prints an error that does not end the command, as one line on standard error."""
    print(one_line(error), file=sys.stderr)


def first_line(error: Exception) -> str:
    """Returns the first line of an exception's message, or its class's name without a message."""
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


@contextlib.contextmanager
def naming(setting: str) -> Iterator[None]:
    """Puts a flag or config key, such as "--lpips_vgg", in front of a `UserError` raised within.

    Use it where the code that raises the error does not know which setting mends it.
    """
    try:
        yield
    except UserError as error:
        raise UserError(f"{setting}: {error}") from None


@contextlib.contextmanager
def needs(extra: str, what: str) -> Iterator[None]:
    """Turns an ImportError raised within into a UserError that names the package and its extra."""
    try:
        yield
    except ImportError as error:
        raise UserError(
            f"{what} needs the package {error.name}: pip install 's2c_jax[{extra}]'"
        ) from None
