"""Serves a web page on which people colour sketches, and which programs can call.

python -m s2c_jax.web --workdir runs/characters

Everyone who can reach the page may draw or upload a sketch, dab colours on it, choose a palette,
compare variants and download the result. Programs call /color: see docs/page.md.
"""

import signal
import socket
import sys
from collections.abc import Sequence

from s2c_jax import cli, runtime
from s2c_jax.errors import UserError, needs


def main(arguments: Sequence[str] | None = None) -> None:
    """Reads the flags (by default those of the process) and serves until it is interrupted."""
    parser = cli.run_parser("web", __doc__)
    cli.add_backend_argument(parser)
    parser.add_argument("--host", default="127.0.0.1",
                        help="the address to listen at: this machine alone is the default, "
                        "0.0.0.0 is everybody")  # fmt: skip
    parser.add_argument("--port", type=int, default=7860)
    flags = parser.parse_args(arguments)
    # `runtime.prepare` would also keep freed memory; a server gives it back.
    runtime.cache_compiled_programs()
    with cli.user_errors():
        cli.import_modules(flags.imports)
        # Import late: Gradio is an optional dependency.
        with needs("web", "the page"):
            import gradio  # noqa: F401
        _require_address(flags.host, flags.port)
        from s2c_jax.web.server import serve

        try:
            serve(flags.workdir, flags.step, flags.backend, flags.host, flags.port)
        except KeyboardInterrupt:
            # The page is not up yet. Later, Gradio's `block_thread` catches the interrupt, closes
            # the server and returns, and the exit code is 0.
            sys.exit(128 + signal.SIGINT)


def _require_address(host: str, port: int) -> None:
    """Raises a `UserError` if the server cannot listen at the address."""
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        socket.create_server((host, port), family=family).close()
    except (OSError, OverflowError, UnicodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise UserError(
            f"--host {host} --port {port}: the server cannot listen at this address ({reason})"
        ) from None


if __name__ == "__main__":
    main()
