"""A page to colour sketches on, and the same for programs.

python -m s2c_jax.web --workdir runs/openmoji

Whoever can reach it may draw or upload a sketch, dab colours on it, choose a palette, compare
variants and download. It answers programs at /color: see README.
"""

import collections
import functools
import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import gradio as gr
import numpy as np
from jaxtyping import UInt8
from PIL import Image

from s2c_jax import runtime
from s2c_jax.drawing import compositing, image_files, layered_files, palette, preparation
from s2c_jax.drawing.palette import RgbaPalette
from s2c_jax.errors import UserError
from s2c_jax.inference.colorizer import Colorizer, fit_hints

Result = TypeVar("Result")


MAX_FILE_BYTES = 32 * 2**20


# How many may wait for their turn; who comes then is told to try again.
MAX_WAITING = 64


MAX_VARIANTS = 8


# How many open pages keep what was coloured on them, and how long they and files are kept.
KEPT_PAGES, KEPT_SECONDS = 128, 3600


EXAMPLES = sorted((Path(__file__).parent / "example_sketches").glob("*.png"))


# What a drawing that is begun here measures, and what is shown of larger ones.
_CANVAS, _SHOWN = (512, 512), (1024, 1024)


# Pictures of canvases that came without the click that they belong to.
_KEPT_CANVASES = 64


_PENS = gr.Brush(8, colors=["#000000"], default_color="#000000", color_mode="fixed")


_COLORS = ["#d62828", "#f77f00", "#fcbf49", "#6a994e", "#4ea8de", "#5a4fcf", "#e5989b", "#8d5524"]


_BRUSHES = gr.Brush(24, colors=list(_COLORS), default_color=_COLORS[0])


_CSS = """
/* What a picker opens is larger than it, and moves nothing when it closes. */
[id^=palette_] { overflow: visible !important; }
[id^=palette_] .color-picker {
  position: absolute; z-index: 50; background: var(--block-background-fill);
}
#variants .grid-wrap { min-height: 0; }
#variants .grid-container { grid-template-columns: repeat(auto-fill, minmax(4.5rem, 1fr)); }
"""


_CLICK = "() => document.querySelector('#file').click()"


class Colored(NamedTuple):
    """What a page keeps of a coloured sketch.

    Attributes:
        sketch: a file of the sketch in its own size.
        seen: it, as the network saw it.
        variants: the network's colourings.
    """

    sketch: Path
    seen: UInt8[np.ndarray, "size size 3"]
    variants: UInt8[np.ndarray, "variants size size 3"]

    def layers(self, variant: int) -> compositing.Layers:
        """Returns a variant in the sketch's own size."""
        sketch = image_files.read(self.sketch, "the sketch of an hour ago")
        return compositing.split_layers(sketch, self.seen, self.variants[variant])

    def shown(self, variant: int) -> tuple[Image.Image, Image.Image]:
        """Returns the sketch and a variant in a size for the screen."""
        sketch = image_files.read(self.sketch, "the sketch of an hour ago")
        sketch.thumbnail(_SHOWN)
        colored = compositing.composite(sketch, self.seen, self.variants[variant])
        return sketch, Image.fromarray(colored)


def color(
    colorizer: Colorizer,
    sketch: Image.Image,
    hints: Image.Image | None,
    colors: RgbaPalette | None,
    seeds: Sequence[int] | None,
    folder: Path,
) -> Colored:
    """Colours a sketch.

    Args:
        colorizer: what colours.
        sketch: RGB.
        hints: RGBA, transparent where nothing is said, of the sketch's size.
        colors: the palette.
        seeds: one for each variant; None is the most likely colouring alone.
        folder: where the sketch is kept.

    Raises:
        UserError: see `Colorizer.layers`.
    """
    size, count = colorizer.image_size, len(seeds) if seeds else 1
    seen = preparation.downscale_sketch(sketch, size)
    square = None if hints is None else fit_hints(hints, sketch.size, size, "the hints")
    variants = colorizer.colorize_squares(
        np.stack([seen] * count), [square] * count, [colors] * count, seeds
    )
    file = _new_folder(folder) / "sketch.png"
    image_files.write_png(sketch, file)
    return Colored(file, seen, variants)


def _new_folder(folder: Path) -> Path:
    """Makes a folder for a file in a folder, and forgets those of long ago."""
    folder.mkdir(exist_ok=True)
    for old in folder.iterdir():
        if time.time() - old.stat().st_mtime > KEPT_SECONDS:
            shutil.rmtree(old, ignore_errors=True)
    return Path(tempfile.mkdtemp(dir=folder))


def _ui_errors(handler: Callable[..., Result]) -> Callable[..., Result]:
    """Makes of a mistake the message that the page, or the program that asks, gets."""

    @functools.wraps(handler)
    def answer(*given: Any) -> Result:
        try:
            return handler(*given)
        except UserError as error:
            raise gr.Error(str(error), print_exception=False) from None
        finally:
            # What a large sketch took, glibc would keep.
            runtime.trim_heap()

    return answer


def make_page(colorizer: Colorizer, about: str, folder: Path) -> gr.Blocks:
    """Builds the page.

    Args:
        colorizer: what colours.
        about: what the page says of it, in Markdown.
        folder: where files lie until they are fetched.
    """

    @_ui_errors
    def of_canvases(
        sketch: Any, hints: Any, count: float, seed: float | None, *colors: str | None
    ) -> Any:
        drawn, painted = _sketch_of(sketch), _hints_of(hints)
        if painted and painted.size != drawn.size:
            raise UserError("these hints were painted on another sketch: look at Hints again")
        seeds = None
        if count > 1:
            wanted = min(int(count), MAX_VARIANTS)
            seeds = np.random.SeedSequence(int(seed or 0)).generate_state(wanted).tolist()
        chosen = _palette_of(",".join(filter(None, colors)))
        colored = color(colorizer, drawn, painted, chosen, seeds, folder)
        pictures = [colored.shown(i) for i in range(len(colored.variants))]
        several = [picture for _, picture in pictures] if len(pictures) > 1 else []
        return gr.Gallery(several, visible=bool(several)), colored, 0, pictures[0]

    @_ui_errors
    def choose(colored: Colored | None, event: gr.SelectData) -> Any:
        if colored is None or event.index >= len(colored.variants):
            raise UserError("what was coloured is not kept any more: colour it again")
        return event.index, colored.shown(event.index)

    @_ui_errors
    def download(colored: Colored | None, variant: int, kind: str | None) -> str:
        if colored is None:
            raise UserError("there is nothing to download yet")
        return written(colored.layers(variant), kind)

    @_ui_errors
    def of_files(
        sketch: str | None, hints: str | None, colors: str, seed: float | None, kind: str | None
    ) -> str:
        """Colours a file.

        Args:
            sketch: a PNG, JPEG or WebP file.
            hints: such a file of its size, transparent where nothing is said.
            colors: up to four, such as "#fcea2b,orange"; "" is none.
            seed: another colouring for each; None is the most likely one.
            kind: png, or ora or psd, in layers.
        """
        if sketch is None:
            raise UserError("there is no sketch")
        colored = color(
            colorizer,
            image_files.read(Path(sketch), "the sketch"),
            image_files.read_rgba(Path(hints), "the hints") if hints else None,
            _palette_of(colors),
            None if seed is None else [int(seed) % 2**32],
            folder,
        )
        return written(colored.layers(0), kind)

    def written(layers: compositing.Layers, kind: str | None) -> str:
        if kind not in kinds:
            raise UserError(f"there is no format {kind}, but {', '.join(kinds)}")
        path = _new_folder(folder) / f"coloured.{kind}"
        layered_files.write(layers, path)
        return str(path)

    @_ui_errors
    def opened(file: str) -> Any:
        picture = image_files.read(Path(file), "the sketch")
        return _canvas_of(picture), _canvas_of(picture)

    @_ui_errors
    def under_hints(sketch: Any, hints: Any) -> Any:
        """Lays the sketch under what was painted, if that is of its size."""
        drawn = _sketch_of(sketch)
        layers = [layer for layer in (hints or {}).get("layers", ()) if layer.size == drawn.size]
        return _canvas_of(drawn, layers)

    def without_hints(sketch: Any) -> Any:
        return under_hints(sketch, None)

    kinds = [suffix[1:] for suffix in layered_files.SUFFIXES if _is_possible(suffix)]
    blank = Image.new("RGB", _CANVAS, image_files.WHITE)
    with gr.Blocks(
        title="s2c_jax", analytics_enabled=False, delete_cache=(KEPT_SECONDS, KEPT_SECONDS)
    ) as page:
        gr.Markdown(f"# Colour a sketch\n{about}")
        colored, variant = gr.State(time_to_live=KEPT_SECONDS), gr.State(0)
        with gr.Row():
            with gr.Column():
                with gr.Tab("Sketch"):
                    sketch = _canvas("Draw", "sketch", _PENS, blank)
                    upload = gr.UploadButton(
                        "Upload a sketch", file_types=list(image_files.SUFFIXES), elem_id="upload"
                    )
                with gr.Tab("Hints", visible=colorizer.takes_hints) as hints_tab:
                    hints = _canvas("Dab colours", "hints", _BRUSHES, blank)
                with gr.Tab("Palette", visible=colorizer.takes_palette):
                    gr.Markdown("Colours to use anywhere in the picture, as many as you choose.")
                    with gr.Row():
                        colors = [
                            gr.ColorPicker(
                                label=f"colour {number}", elem_id=f"palette_{number}", min_width=230
                            )
                            for number in range(1, palette.COLORS + 1)
                        ]
                    no_palette = gr.Button("No palette", size="sm")
                with gr.Row():
                    count = gr.Slider(1, MAX_VARIANTS, 1, step=1, label="variants", elem_id="count")
                    seed = gr.Number(0, label="their seed", precision=0, minimum=0, min_width=80)
                go = gr.Button("Colour", variant="primary", elem_id="go")
                examples = gr.Examples(
                    [
                        {"background": str(path), "layers": [], "composite": None}
                        for path in EXAMPLES
                    ],
                    sketch,
                    label="Examples",
                    elem_id="examples",
                )
            with gr.Column():
                slider = gr.ImageSlider(
                    label="Sketch | coloured", elem_id="result", buttons=["fullscreen"]
                )
                gallery = gr.Gallery(
                    label="Variants", show_label=False, elem_id="variants", columns=4,
                    fit_columns=False, visible=False, allow_preview=False, object_fit="contain",
                    buttons=[], interactive=False,
                )  # fmt: skip
                kind = gr.Radio(kinds, value=kinds[0], label="format", elem_id="kind")
                get = gr.Button("Download", elem_id="download")
                file = gr.DownloadButton(visible="hidden", elem_id="file")

        go.click(
            of_canvases, [sketch, hints, count, seed, *colors], [gallery, colored, variant, slider],
            scroll_to_output=True, api_visibility="private",
        )  # fmt: skip
        gallery.select(choose, colored, [variant, slider], api_visibility="private")
        get.click(download, [colored, variant, kind], file, api_visibility="private").success(
            None, js=_CLICK
        )
        hints_tab.select(under_hints, [sketch, hints], hints, api_visibility="private")
        upload.upload(opened, upload, [sketch, hints], api_visibility="private")
        # Hints are of the sketch that they were painted on.
        examples.load_input_event.then(
            without_hints, sketch, hints, api_visibility="private", show_progress="hidden"
        )
        sketch.clear(lambda: _canvas_of(blank), None, hints, api_visibility="private")
        hints.clear(without_hints, sketch, hints, api_visibility="private")
        no_palette.click(lambda: [None] * len(colors), None, colors, api_visibility="private")

        # What programs call.
        given = [
            gr.File(label="sketch", visible=False),
            gr.File(label="hints", visible=False),
            gr.Textbox("", label="palette", visible=False),
            gr.Number(None, label="seed", visible=False, precision=0),
            gr.Radio(kinds, value="png", label="format", visible=False),
        ]
        gr.Button(visible=False).click(
            of_files, given, gr.File(visible=False), api_name="color",
            api_description="Colours a sketch.",
        )  # fmt: skip
    for canvas in (sketch, hints):
        canvas.blob_storage = _Latest(_KEPT_CANVASES)
    return page


def _canvas(label: str, name: str, brush: gr.Brush, value: Image.Image) -> gr.ImageEditor:
    return gr.ImageEditor(
        value,
        label=label,
        elem_id=name,
        type="pil",
        format="png",
        sources=(),
        transforms=(),
        layers=False,
        canvas_size=_CANVAS,
        brush=brush,
        eraser=gr.Eraser(default_size=24),
        buttons=[],
    )


class _Latest(collections.OrderedDict[str, Any]):
    """The last items that were put in, so many of them: canvases of clients that went away."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self._count = count

    def __setitem__(self, key: str, value: Any) -> None:
        super().__setitem__(key, value)
        while len(self) > self._count:
            self.popitem(last=False)


def _sketch_of(canvas: Any) -> Image.Image:
    # What was put there and not drawn on has no composite.
    drawn = canvas and (canvas["composite"] or canvas["background"])
    if not drawn:
        raise UserError("there is no sketch yet: draw, upload or choose one")
    picture = image_files.to_rgb(drawn)
    if picture.width * picture.height > image_files.MAX_PIXELS:
        raise UserError(f"{picture.width}x{picture.height} pixels are more than 4096x4096")
    return picture


def _hints_of(canvas: Any) -> Image.Image | None:
    """Returns what was painted; None if nothing was."""
    painted = None
    for layer in canvas["layers"] if canvas else ():
        layer = layer.convert("RGBA")
        painted = layer if painted is None else Image.alpha_composite(painted, layer)
    return painted if painted is not None and painted.getbbox() else None


def _palette_of(text: str) -> RgbaPalette | None:
    return palette.from_colors(text) if text else None


def _canvas_of(picture: Image.Image, layers: Sequence[Image.Image] = ()) -> dict[str, Any]:
    return {"background": picture, "layers": list(layers), "composite": None}


def _is_possible(suffix: str) -> bool:
    try:
        layered_files.require(suffix)
    except UserError:
        return False
    return True
