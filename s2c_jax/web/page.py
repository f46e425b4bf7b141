"""The layout of the web page: its components, and which handler answers which event."""

import collections
from pathlib import Path
from typing import Any, TypeVar

import gradio as gr
from gradio.components import Component
from PIL import Image

from s2c_jax.drawing import image_files, palette
from s2c_jax.inference.colorizer import Colorizer
from s2c_jax.web.handlers import KEPT_SECONDS, MAX_VARIANTS, Handlers, make_canvas

Item = TypeVar("Item")

CSS = """
/* An open colour picker is larger than its field; it lies over the page and moves nothing. */
[id^=palette_] { overflow: visible !important; }
[id^=palette_] .color-picker {
  position: absolute; z-index: 50; background: var(--block-background-fill);
}
#variants .grid-wrap { min-height: 0; }
#variants .grid-container { grid-template-columns: repeat(auto-fill, minmax(4.5rem, 1fr)); }
"""

_EXAMPLES = Path(__file__).parent / "example_sketches"
# Width and height of an empty canvas in pixels.
_CANVAS_SIZE = (512, 512)
# The largest number of canvas pictures in memory. A click uses and removes one; those of clients
# that leave would stay.
_KEPT_CANVASES = 64
# The pen's and the brush's width in pixels.
_PEN_SIZE = 8
_BRUSH_SIZE = 24
_BRUSH_COLORS = (
    "#d62828", "#f77f00", "#fcbf49", "#6a994e", "#4ea8de", "#5a4fcf", "#e5989b", "#8d5524",
)  # fmt: skip
# JavaScript that clicks the hidden button, which downloads the file.
_CLICK_FILE = "() => document.querySelector('#file').click()"
# Keeps an event out of the interface that programs call.
_PRIVATE: dict[str, Any] = {"api_visibility": "private"}


def make_page(colorizer: Colorizer, workdir: Path, folder: Path) -> gr.Blocks:
    """Builds the page of a run's generator; `folder` holds files until they are downloaded."""
    handlers = Handlers(colorizer, folder)
    with gr.Blocks(
        title="s2c_jax", analytics_enabled=False, delete_cache=(KEPT_SECONDS, KEPT_SECONDS)
    ) as page:
        gr.Markdown(f"# Colour a sketch\n{describe(colorizer, workdir)}")
        with gr.Row():
            with gr.Column():
                go, inputs = _add_inputs(handlers)
            with gr.Column():
                _add_outputs(handlers, go, inputs)
        _add_program_interface(handlers)
    return page


def describe(colorizer: Colorizer, workdir: Path) -> str:
    """Returns what the page says about a run, in Markdown."""
    guidance = ["hints"] * colorizer.takes_hints + ["palettes"] * colorizer.takes_palette
    takes = f"takes {' and '.join(guidance) or 'no hints or palettes'}"
    return (
        f"By `{workdir}`, step {colorizer.step}: trained on {colorizer.trained_on} at "
        f"{colorizer.image_size} px, {takes}."
    )


def _add_inputs(handlers: Handlers) -> tuple[gr.Button, list[Component]]:
    """Adds the left column; returns the button that colours and the inputs of `color_canvas`."""
    with gr.Tab("Sketch"):
        pen = gr.Brush(_PEN_SIZE, colors=["#000000"], default_color="#000000", color_mode="fixed")
        sketch = _add_canvas("Draw", "sketch", pen)
        upload = gr.UploadButton(
            "Upload a sketch", file_types=list(image_files.SUFFIXES), elem_id="upload"
        )
    with gr.Tab("Hints", visible=handlers.colorizer.takes_hints) as hints_tab:
        brush = gr.Brush(_BRUSH_SIZE, colors=list(_BRUSH_COLORS), default_color=_BRUSH_COLORS[0])
        hints = _add_canvas("Dab colours", "hints", brush)
    with gr.Tab("Palette", visible=handlers.colorizer.takes_palette):
        gr.Markdown("Colours to use anywhere in the picture, as many as you choose.")
        with gr.Row():
            colors = [
                gr.ColorPicker(label=f"colour {number}", elem_id=f"palette_{number}", min_width=230)
                for number in range(1, palette.COLORS + 1)
            ]
        no_palette = gr.Button("No palette", size="sm")
    with gr.Row():
        variants = gr.Slider(1, MAX_VARIANTS, 1, step=1, label="variants", elem_id="count")
        seed = gr.Number(0, label="their seed", precision=0, minimum=0, min_width=80)
    go = gr.Button("Colour", variant="primary", elem_id="go")
    canvases: list[object] = [
        {"background": str(path), "layers": [], "composite": None}
        for path in sorted(_EXAMPLES.glob("*.png"))
    ]
    examples = gr.Examples(canvases, sketch, label="Examples", elem_id="examples")
    # Both canvases show the same sketch; hints belong to the sketch that they were painted on.
    hints_tab.select(handlers.lay_under_hints, [sketch, hints], hints, **_PRIVATE)
    upload.upload(handlers.on_upload, upload, [sketch, hints], **_PRIVATE)
    examples.load_input_event.then(
        handlers.clear_hints, sketch, hints, show_progress="hidden", **_PRIVATE
    )
    sketch.clear(lambda: make_canvas(_blank()), None, hints, **_PRIVATE)
    hints.clear(handlers.clear_hints, sketch, hints, **_PRIVATE)
    no_palette.click(lambda: [None] * len(colors), None, colors, **_PRIVATE)
    return go, [sketch, hints, variants, seed, *colors]


def _add_outputs(handlers: Handlers, go: gr.Button, inputs: list[Component]) -> None:
    """Adds the right column; `go` colours the inputs."""
    slider = gr.ImageSlider(label="Sketch | coloured", elem_id="result", buttons=["fullscreen"])
    gallery = gr.Gallery(
        label="Variants", show_label=False, elem_id="variants", columns=4, fit_columns=False,
        visible=False, allow_preview=False, object_fit="contain", buttons=[], interactive=False,
    )  # fmt: skip
    format = gr.Radio(handlers.formats, value=handlers.formats[0], label="format", elem_id="format")
    get = gr.Button("Download", elem_id="download")
    file = gr.DownloadButton(visible="hidden", elem_id="file")
    colored, variant = gr.State(time_to_live=KEPT_SECONDS), gr.State(0)
    outputs = [gallery, colored, variant, slider]
    go.click(handlers.color_canvas, inputs, outputs, scroll_to_output=True, **_PRIVATE)
    gallery.select(handlers.choose_variant, colored, [variant, slider], **_PRIVATE)
    downloaded = get.click(handlers.download, [colored, variant, format], file, **_PRIVATE)
    downloaded.success(None, js=_CLICK_FILE)


def _add_canvas(label: str, name: str, brush: gr.Brush) -> gr.ImageEditor:
    canvas = gr.ImageEditor(
        _blank(), label=label, elem_id=name, type="pil", format="png", sources=(), transforms=(),
        layers=False, canvas_size=_CANVAS_SIZE, brush=brush, buttons=[],
        eraser=gr.Eraser(default_size=_BRUSH_SIZE),
    )  # fmt: skip
    canvas.blob_storage = BoundedDict(_KEPT_CANVASES)
    return canvas


def _blank() -> Image.Image:
    return Image.new("RGB", _CANVAS_SIZE, "white")


def _add_program_interface(handlers: Handlers) -> None:
    """Adds /color, which programs call."""
    fields = [
        gr.File(label="sketch", visible=False),
        gr.File(label="hints", visible=False),
        gr.Textbox("", label="palette", visible=False),
        gr.Number(None, label="seed", visible=False, precision=0),
        gr.Radio(handlers.formats, value="png", label="format", visible=False),
    ]
    gr.Button(visible=False).click(
        handlers.color_file, fields, gr.File(visible=False),
        api_name="color", api_description="Colours a sketch.",
    )  # fmt: skip


class BoundedDict(collections.OrderedDict[str, Item]):
    """A dictionary that forgets its oldest item when it holds more than `count`."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self._count = count

    def __setitem__(self, key: str, value: Item) -> None:
        super().__setitem__(key, value)
        while len(self) > self._count:
            self.popitem(last=False)
