"""The layout of the web page: its components, and which handler answers which event."""

import collections
from pathlib import Path
from typing import NamedTuple, TypeVar

import gradio as gr
import gradio.helpers
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
# The most canvas pictures that were posted without the click that uses them; clients may leave.
_KEPT_CANVASES = 64
# The pen's and the brush's width in pixels.
_PEN_SIZE = 8
_BRUSH_SIZE = 24
_BRUSH_COLORS = (
    "#d62828",
    "#f77f00",
    "#fcbf49",
    "#6a994e",
    "#4ea8de",
    "#5a4fcf",
    "#e5989b",
    "#8d5524",
)
# JavaScript that clicks the hidden button, which downloads the file.
_CLICK_FILE = "() => document.querySelector('#file').click()"


class _Inputs(NamedTuple):
    """The components of the left column."""

    sketch: gr.ImageEditor
    upload: gr.UploadButton
    hints_tab: gr.Tab
    hints: gr.ImageEditor
    colors: list[gr.ColorPicker]
    no_palette: gr.Button
    variants: gr.Slider
    seed: gr.Number
    go: gr.Button
    examples: gradio.helpers.Examples


class _Outputs(NamedTuple):
    """The components of the right column."""

    slider: gr.ImageSlider
    gallery: gr.Gallery
    kind: gr.Radio
    get: gr.Button
    file: gr.DownloadButton


def make_page(colorizer: Colorizer, workdir: Path, folder: Path) -> gr.Blocks:
    """Builds the page.

    Args:
        colorizer: the loaded generator.
        workdir: the generator's run.
        folder: where files lie until they are downloaded.
    """
    handlers = Handlers(colorizer, folder)
    with gr.Blocks(
        title="s2c_jax", analytics_enabled=False, delete_cache=(KEPT_SECONDS, KEPT_SECONDS)
    ) as page:
        gr.Markdown(f"# Colour a sketch\n{describe(colorizer, workdir)}")
        colored, variant = gr.State(time_to_live=KEPT_SECONDS), gr.State(0)
        with gr.Row():
            with gr.Column():
                inputs = _make_inputs(colorizer)
            with gr.Column():
                outputs = _make_outputs(handlers.kinds)
        _connect_coloring(handlers, inputs, outputs, colored, variant)
        _connect_canvases(handlers, inputs)
        _add_program_interface(handlers)
    for canvas in (inputs.sketch, inputs.hints):
        canvas.blob_storage = Latest(_KEPT_CANVASES)
    return page


def describe(colorizer: Colorizer, workdir: Path) -> str:
    """Returns what the page says about a run, in Markdown."""
    guidance = [
        name
        for name, takes in (("hints", colorizer.takes_hints), ("palettes", colorizer.takes_palette))
        if takes
    ]
    takes = f"takes {' and '.join(guidance)}" if guidance else "takes no hints or palettes"
    return (
        f"By `{workdir}`, step {colorizer.step}: trained on {colorizer.trained_on} at "
        f"{colorizer.image_size} px, {takes}."
    )


def _make_inputs(colorizer: Colorizer) -> _Inputs:
    with gr.Tab("Sketch"):
        pen = gr.Brush(_PEN_SIZE, colors=["#000000"], default_color="#000000", color_mode="fixed")
        sketch = _make_canvas_editor("Draw", "sketch", pen)
        upload = gr.UploadButton(
            "Upload a sketch", file_types=list(image_files.SUFFIXES), elem_id="upload"
        )
    with gr.Tab("Hints", visible=colorizer.takes_hints) as hints_tab:
        brush = gr.Brush(_BRUSH_SIZE, colors=list(_BRUSH_COLORS), default_color=_BRUSH_COLORS[0])
        hints = _make_canvas_editor("Dab colours", "hints", brush)
    with gr.Tab("Palette", visible=colorizer.takes_palette):
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
    examples = gr.Examples(
        [
            {"background": str(path), "layers": [], "composite": None}
            for path in sorted(_EXAMPLES.glob("*.png"))
        ],
        sketch,
        label="Examples",
        elem_id="examples",
    )
    return _Inputs(
        sketch, upload, hints_tab, hints, colors, no_palette, variants, seed, go, examples
    )


def _make_outputs(kinds: list[str]) -> _Outputs:
    return _Outputs(
        slider=gr.ImageSlider(label="Sketch | coloured", elem_id="result", buttons=["fullscreen"]),
        gallery=gr.Gallery(
            label="Variants", show_label=False, elem_id="variants", columns=4, fit_columns=False,
            visible=False, allow_preview=False, object_fit="contain", buttons=[], interactive=False,
        ),
        kind=gr.Radio(kinds, value=kinds[0], label="format", elem_id="kind"),
        get=gr.Button("Download", elem_id="download"),
        file=gr.DownloadButton(visible="hidden", elem_id="file"),
    )  # fmt: skip


def _make_canvas_editor(label: str, name: str, brush: gr.Brush) -> gr.ImageEditor:
    return gr.ImageEditor(
        _blank(),
        label=label,
        elem_id=name,
        type="pil",
        format="png",
        sources=(),
        transforms=(),
        layers=False,
        canvas_size=_CANVAS_SIZE,
        brush=brush,
        eraser=gr.Eraser(default_size=_BRUSH_SIZE),
        buttons=[],
    )


def _blank() -> Image.Image:
    return Image.new("RGB", _CANVAS_SIZE, image_files.WHITE)


def _connect_coloring(
    handlers: Handlers, inputs: _Inputs, outputs: _Outputs, colored: gr.State, variant: gr.State
) -> None:
    """Connects colouring, choosing a variant and downloading."""
    inputs.go.click(
        handlers.color_canvas,
        [inputs.sketch, inputs.hints, inputs.variants, inputs.seed, *inputs.colors],
        [outputs.gallery, colored, variant, outputs.slider],
        scroll_to_output=True,
        api_visibility="private",
    )
    outputs.gallery.select(
        handlers.choose_variant, colored, [variant, outputs.slider], api_visibility="private"
    )
    outputs.get.click(
        handlers.download, [colored, variant, outputs.kind], outputs.file, api_visibility="private"
    ).success(None, js=_CLICK_FILE)


def _connect_canvases(handlers: Handlers, inputs: _Inputs) -> None:
    """Keeps the same sketch on both canvases; hints belong to the sketch they were painted on."""
    sketch, hints, colors = inputs.sketch, inputs.hints, inputs.colors
    inputs.hints_tab.select(
        handlers.lay_under_hints, [sketch, hints], hints, api_visibility="private"
    )
    inputs.upload.upload(
        handlers.on_upload, inputs.upload, [sketch, hints], api_visibility="private"
    )
    inputs.examples.load_input_event.then(
        handlers.clear_hints, sketch, hints, api_visibility="private", show_progress="hidden"
    )
    sketch.clear(lambda: make_canvas(_blank()), None, hints, api_visibility="private")
    hints.clear(handlers.clear_hints, sketch, hints, api_visibility="private")
    inputs.no_palette.click(lambda: [None] * len(colors), None, colors, api_visibility="private")


def _add_program_interface(handlers: Handlers) -> None:
    """Adds /color, which programs call."""
    inputs = [
        gr.File(label="sketch", visible=False),
        gr.File(label="hints", visible=False),
        gr.Textbox("", label="palette", visible=False),
        gr.Number(None, label="seed", visible=False, precision=0),
        gr.Radio(handlers.kinds, value="png", label="format", visible=False),
    ]
    gr.Button(visible=False).click(
        handlers.color_file,
        inputs,
        gr.File(visible=False),
        api_name="color",
        api_description="Colours a sketch.",
    )


class Latest(collections.OrderedDict[str, Item]):
    """A dictionary that forgets the oldest item when it holds more than `count`."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self._count = count

    def __setitem__(self, key: str, value: Item) -> None:
        super().__setitem__(key, value)
        while len(self) > self._count:
            self.popitem(last=False)
