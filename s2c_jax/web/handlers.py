"""The answers to the events of the web page, and to programs that call the server."""

import contextlib
import functools
import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple, TypedDict, TypeVar

import gradio as gr
from jaxtyping import UInt8
from numpy import ndarray
from PIL import Image

from s2c_jax import runtime
from s2c_jax.drawing import compositing, image_files, layered_files, palette
from s2c_jax.errors import UserError
from s2c_jax.inference.colorizer import Colorizer, PreparedSketch, variant_seeds

Result = TypeVar("Result")

# The most variants of a click: all are coloured before the first is shown.
MAX_VARIANTS = 8
# Seconds for which the server keeps files and the state of pages.
KEPT_SECONDS = 3600
# Width and height, in pixels, that a picture on the page does not exceed; downloads have full size.
_MAX_SHOWN = (1024, 1024)


class Canvas(TypedDict):
    """The value of a `gr.ImageEditor`."""

    # The picture that is drawn on.
    background: Image.Image | None
    # What was drawn, transparent elsewhere.
    layers: list[Image.Image]
    # The layers on the background; None if nothing was drawn.
    composite: Image.Image | None


class ColoredSketch(NamedTuple):
    """What the server keeps of a coloured sketch.

    Attributes:
        file: the sketch at full size.
        network_input: the sketch in the network's square.
        variants: the network's colourings.
    """

    file: Path
    network_input: UInt8[ndarray, "size size 3"]
    variants: UInt8[ndarray, "variants size size 3"]

    def layers(self, variant: int) -> compositing.Layers:
        """Returns a variant's layers at full size."""
        sketch = PreparedSketch(self._read(), self.network_input)
        return sketch.layers(self.variants[variant])

    def shown(self, variant: int) -> tuple[Image.Image, Image.Image]:
        """Returns the sketch and a variant in a size for the screen."""
        picture = self._read()
        picture.thumbnail(_MAX_SHOWN)
        sketch = PreparedSketch(picture, self.network_input)
        return picture, Image.fromarray(sketch.composite(self.variants[variant]))

    def _read(self) -> Image.Image:
        if not self.file.exists():
            raise UserError("this sketch has expired: upload it again")
        return image_files.read(self.file, "the sketch")


def ui_errors(handler: Callable[..., Result]) -> Callable[..., Result]:
    """Decorates a handler: a `UserError` becomes the message that the page or the program shows."""

    @functools.wraps(handler)
    def answer(*arguments: object) -> Result:
        try:
            return handler(*arguments)
        except UserError as error:
            raise gr.Error(str(error), print_exception=False) from None
        finally:
            # glibc would keep the memory of a large sketch.
            runtime.trim_heap()

    return answer


class Handlers:
    """The handlers of all events.

    Attributes:
        colorizer: the loaded generator.
        folder: the folder where files lie until they are downloaded.
        formats: the formats of downloads, such as "png".
    """

    def __init__(self, colorizer: Colorizer, folder: Path) -> None:
        self.colorizer, self.folder = colorizer, folder
        self.formats = [suffix[1:] for suffix in layered_files.SUFFIXES if _is_installed(suffix)]

    @ui_errors
    def color_canvas(
        self,
        sketch: Canvas | None,
        hints: Canvas | None,
        count: float,
        seed: float | None,
        *colors: str | None,
    ) -> tuple[gr.Gallery, ColoredSketch, int, tuple[Image.Image, Image.Image]]:
        """Colours the sketch on the canvas in `count` variants.

        A count of 1 colours without a seed, which gives the most likely colouring.

        Returns:
            The gallery of variants, what is kept, the chosen variant, and what the slider shows.
        """
        picture, painted = _sketch_of(sketch), _hints_of(hints)
        if painted and painted.size != picture.size:
            raise UserError("these hints were painted on another sketch: look at Hints again")
        seeds = variant_seeds(int(seed or 0), min(int(count), MAX_VARIANTS)) if count > 1 else None
        text = ",".join(color for color in colors if color)
        colored = self._color(picture, painted, text, seeds)
        pairs = [colored.shown(variant) for variant in range(len(colored.variants))]
        gallery = [picture for _, picture in pairs] if len(pairs) > 1 else []
        return gr.Gallery(gallery, visible=bool(gallery)), colored, 0, pairs[0]

    @ui_errors
    def color_file(
        self,
        sketch: str | None,
        hints: str | None,
        colors: str,
        seed: float | None,
        kind: str | None,
    ) -> str:
        """Colours a file.

        Args:
            sketch: a PNG, JPEG or WebP file.
            hints: a file of the sketch's size, transparent where it gives no colour, or None.
            colors: up to four colours, such as "#fcea2b,orange"; "" for none.
            seed: each seed gives another colouring; None gives the most likely one.
            kind: the format, png; or ora or psd, with layers. Programs may give it by this name.
        """
        if sketch is None:
            raise UserError("there is no sketch")
        colored = self._color(
            image_files.read(Path(sketch), "the sketch"),
            image_files.read_rgba(Path(hints), "the hints") if hints else None,
            colors,
            None if seed is None else [int(seed) % 2**32],
        )
        return self._write(colored.layers(0), kind)

    @ui_errors
    def choose_variant(
        self, colored: ColoredSketch | None, event: gr.SelectData
    ) -> tuple[int, tuple[Image.Image, Image.Image]]:
        """Shows the variant that was clicked on."""
        if colored is None or event.index >= len(colored.variants):
            raise UserError("this coloured sketch has expired: colour it again")
        return event.index, colored.shown(event.index)

    @ui_errors
    def download(self, colored: ColoredSketch | None, variant: int, format: str | None) -> str:
        """Writes the chosen variant; returns the file's path."""
        if colored is None:
            raise UserError("there is nothing to download yet")
        return self._write(colored.layers(variant), format)

    @ui_errors
    def on_upload(self, file: str) -> tuple[Canvas, Canvas]:
        """Puts an uploaded sketch on both canvases."""
        picture = image_files.read(Path(file), "the sketch")
        return make_canvas(picture), make_canvas(picture)

    @ui_errors
    def lay_under_hints(self, sketch: Canvas | None, hints: Canvas | None) -> Canvas:
        """Puts the sketch under the hints; drops hints that were painted on another size."""
        picture = _sketch_of(sketch)
        layers = hints["layers"] if hints else []
        return make_canvas(picture, [layer for layer in layers if layer.size == picture.size])

    def clear_hints(self, sketch: Canvas | None) -> Canvas:
        """Puts the sketch on the hints' canvas, without hints."""
        return self.lay_under_hints(sketch, None)

    def _color(
        self,
        sketch: Image.Image,
        hints: Image.Image | None,
        colors: str,
        seeds: Sequence[int] | None,
    ) -> ColoredSketch:
        """Colours a sketch once for each seed, or once if there are no seeds."""
        count = len(seeds) if seeds else 1
        palettes = [palette.from_colors(colors) if colors else None] * count
        prepared = self.colorizer.prepare(sketch, hints)
        variants = self.colorizer.colorize([prepared] * count, palettes, seeds)
        file = new_folder(self.folder) / "sketch.png"
        image_files.write_png(sketch, file)
        return ColoredSketch(file, prepared.network_input, variants)

    def _write(self, layers: compositing.Layers, format: str | None) -> str:
        """Writes a file to download; returns its path."""
        if format not in self.formats:
            raise UserError(f"there is no format {format}, but {', '.join(self.formats)}")
        path = new_folder(self.folder) / f"coloured.{format}"
        layered_files.write(layers, path)
        return str(path)


def new_folder(parent: Path) -> Path:
    """Makes a folder for one file in `parent`, and deletes those older than `KEPT_SECONDS`."""
    parent.mkdir(exist_ok=True)
    for old in parent.iterdir():
        # Another handler may delete the folder at the same time.
        with contextlib.suppress(OSError):
            if time.time() - old.stat().st_mtime > KEPT_SECONDS:
                shutil.rmtree(old)
    return Path(tempfile.mkdtemp(dir=parent))


def make_canvas(background: Image.Image, layers: Sequence[Image.Image] = ()) -> Canvas:
    """Returns the value of a canvas."""
    return {"background": background, "layers": list(layers), "composite": None}


def _sketch_of(canvas: Canvas | None) -> Image.Image:
    """Returns a canvas's picture as RGB."""
    picture = canvas and (canvas["composite"] or canvas["background"])
    if not picture:
        raise UserError("there is no sketch yet: draw, upload or choose one")
    picture = image_files.to_rgb(picture)
    image_files.check_size(picture)
    return picture


def _hints_of(canvas: Canvas | None) -> Image.Image | None:
    """Returns the hints on a canvas as one RGBA picture; None if nothing was painted."""
    painted = None
    for layer in canvas["layers"] if canvas else ():
        layer = layer.convert("RGBA")
        painted = layer if painted is None else Image.alpha_composite(painted, layer)
    return painted if painted is not None and painted.getbbox() else None


def _is_installed(suffix: str) -> bool:
    """Returns whether the package for a format is installed."""
    try:
        layered_files.require(suffix)
    except UserError:
        return False
    return True
