"""Serves the web page."""

import os
import signal
import tempfile
import warnings
from pathlib import Path

import gradio as gr
import numpy as np
from PIL import Image

from s2c_jax.drawing import image_files
from s2c_jax.inference.colorizer import Backend, Colorizer
from s2c_jax.web.page import CSS, make_page

# Requests that may wait for their turn; further ones get an error.
MAX_WAITING = 64
# Open pages whose coloured sketches the server keeps.
KEPT_PAGES = 128


def serve(workdir: Path, step: int | str, backend: Backend, host: str, port: int) -> None:
    """Serves the page until the process gets SIGINT or SIGTERM.

    `Colorizer` explains the run's folder, step and backend. The server changes settings of the
    whole process: Pillow's limit of pixels, Gradio's temporary folder, and the handler of SIGTERM.

    Raises:
        UserError: the run or the checkpoint does not exist.
    """
    colorizer = Colorizer(workdir, step, backend)
    # Compile before the first person waits for a picture.
    size = colorizer.image_size
    colorizer.colorize_squares(np.full((1, size, size, 3), 255, np.uint8))
    # Gradio decodes some pictures itself, so Pillow must refuse those of more than `MAX_PIXELS`.
    # Pillow raises an error above twice its limit, and warns above the limit.
    Image.MAX_IMAGE_PIXELS = image_files.MAX_PIXELS // 2
    warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)
    with tempfile.TemporaryDirectory() as folder:
        # Gradio puts uploads there too, so they are deleted with the folder.
        os.environ["GRADIO_TEMP_DIR"] = folder
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        page = make_page(colorizer, workdir, Path(folder) / "files")
        page.queue(max_size=MAX_WAITING, default_concurrency_limit=1)
        _, url, _ = page.launch(
            server_name=host,
            server_port=port,
            max_file_size=image_files.MAX_FILE_BYTES,
            state_session_capacity=KEPT_PAGES,
            prevent_thread_lock=True,
            show_error=True,
            quiet=True,
            share=False,
            run_history=False,
            ssr_mode=False,
            footer_links=["api"],
            css=CSS,
            theme=gr.themes.Default(font=["system-ui", "sans-serif"]),
        )
        print(f"{url} colours by {workdir}, step {colorizer.step}; Ctrl-C ends it")
        page.block_thread()
