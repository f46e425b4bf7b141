"""Serves a page on which a person colours sketches, and the same for programs.

python -m s2c_jax.web --workdir runs/openmoji

Whoever can reach the page may draw or upload a sketch, dab colours on it, choose a palette, compare
variants and download the result. Programs call /color: see docs/page.md.
"""

import os
import signal
import socket
import sys
import tempfile
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from s2c_jax import cli, runtime
from s2c_jax.drawing import image_files
from s2c_jax.errors import UserError
from s2c_jax.inference.colorizer import Colorizer


def describe(colorizer: Colorizer, workdir: Path) -> str:
    """Returns what the page says of a run, in Markdown."""
    taken = [
        name
        for name, takes in (("hints", colorizer.takes_hints), ("palettes", colorizer.takes_palette))
        if takes
    ]
    knows = f"takes {' and '.join(taken)}" if taken else "takes no hints or palettes"
    return (
        f"By `{workdir}`, step {colorizer.step}: trained on {colorizer.trained_on} at "
        f"{colorizer.image_size} px, {knows}."
    )


def _require_address(host: str, port: int) -> None:
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        socket.create_server((host, port), family=family).close()
    except (OSError, OverflowError, UnicodeError) as error:
        said = error.strerror if isinstance(error, OSError) else error
        raise UserError(f"--host {host} --port {port}: cannot be listened at ({said})") from None


def main(arguments: Sequence[str] | None = None) -> None:
    """Reads the flags and serves until it is interrupted.

    Args:
        arguments: the command line behind the program's name; None is the process's own.
    """
    parser = cli.run_parser("web", __doc__)
    cli.add_backend_argument(parser)
    parser.add_argument("--host", default="127.0.0.1",
                        help="the address to listen at: this machine alone is the default, "
                        "0.0.0.0 is everybody")  # fmt: skip
    parser.add_argument("--port", type=int, default=7860)
    flags = parser.parse_args(arguments)
    # Not what else `runtime.prepare` does: a server gives memory back.
    runtime.cache_compiled_programs()
    with cli.user_errors():
        try:
            import gradio as gr
        except ImportError:
            raise UserError(
                "the page needs the package gradio: pip install 's2c_jax[web]'"
            ) from None
    from s2c_jax.web.page import _CSS, KEPT_PAGES, MAX_FILE_BYTES, MAX_WAITING, make_page

    # Gradio decodes pictures of canvases by itself; Pillow refuses what has twice as many pixels,
    # and warns before.
    Image.MAX_IMAGE_PIXELS = image_files.MAX_PIXELS // 2
    warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)
    try:
        _require_address(flags.host, flags.port)
        colorizer = Colorizer(flags.workdir, flags.step, flags.backend)
        blank = np.full((1, colorizer.image_size, colorizer.image_size, 3), 255, np.uint8)
        # Nobody is to wait for what is compiled.
        colorizer.colorize_squares(blank)
        with tempfile.TemporaryDirectory() as folder:
            # All that is uploaded lies there as well, and goes with it.
            os.environ["GRADIO_TEMP_DIR"] = folder
            signal.signal(signal.SIGTERM, signal.default_int_handler)
            page = make_page(colorizer, describe(colorizer, flags.workdir), Path(folder) / "files")
            page.queue(max_size=MAX_WAITING, default_concurrency_limit=1)
            _, url, _ = page.launch(
                server_name=flags.host,
                server_port=flags.port,
                max_file_size=MAX_FILE_BYTES,
                state_session_capacity=KEPT_PAGES,
                prevent_thread_lock=True,
                show_error=True,
                quiet=True,
                share=False,
                run_history=False,
                ssr_mode=False,
                footer_links=["api"],
                css=_CSS,
                theme=gr.themes.Default(font=["system-ui", "sans-serif"]),
            )
            print(f"{url} colours by {flags.workdir}, step {colorizer.step}; Ctrl-C ends it")
            page.block_thread()
    except UserError as error:
        sys.exit(f"s2c_jax: {error}")
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)


if __name__ == "__main__":
    main()
