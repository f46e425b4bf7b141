"""Writes coloured sketches: a flat PNG, or layers for Krita, GIMP (.ora) and Photoshop (.psd)."""

import gc
import importlib
import io
from collections.abc import Callable
from pathlib import Path

from PIL import Image

from s2c_jax import files
from s2c_jax.drawing import compositing, image_files
from s2c_jax.errors import needs

# The names of the layers in the files, from top to bottom.
LAYER_NAMES = ("lines", "colour", "paper")


def write(layers: compositing.Layers, path: Path) -> None:
    """Writes a coloured sketch whole or not at all, in the format of the path's suffix."""
    files.write_whole(path, _ENCODERS[path.suffix.lower()](layers))


def require(suffix: str) -> None:
    """Raises a `UserError` if the package for the format of a suffix is not installed."""
    package = {".ora": "pyora", ".psd": "psd_tools"}.get(suffix)
    if package:
        with needs("layers", f"the format {suffix}"):
            importlib.import_module(package)


def _encode_ora(layers: compositing.Layers) -> bytes:
    """Encodes OpenRaster (https://www.openraster.org)."""
    import pyora  # type: ignore[import-untyped]

    flat = _flat_picture(layers)
    project = pyora.Project.new(*flat.size)
    for picture, name in reversed(_named_pictures(layers)):
        project.add_layer(picture, name)
    buffer = io.BytesIO()
    project.save(buffer, composite_image=flat.convert("RGBA"))
    # A project and its layers refer to each other: only the garbage collector frees their pictures.
    del project
    gc.collect()
    return buffer.getvalue()


def _encode_psd(layers: compositing.Layers) -> bytes:
    """Encodes Photoshop's format, with the flat picture for programs that read no layers."""
    from psd_tools import PSDImage

    # RGBA: in a document without an alpha channel, the layers' transparency would become masks.
    document = PSDImage.frompil(_flat_picture(layers).convert("RGBA"))
    for picture, name in reversed(_named_pictures(layers)):
        document.create_pixel_layer(picture, name)
    buffer = io.BytesIO()
    document.save(buffer)
    return buffer.getvalue()


_ENCODERS: dict[str, Callable[[compositing.Layers], bytes]] = {
    ".png": lambda layers: image_files.encode_png(_flat_picture(layers)),
    ".ora": _encode_ora,
    ".psd": _encode_psd,
}
# The formats that can be written.
SUFFIXES = tuple(_ENCODERS)


def _flat_picture(layers: compositing.Layers) -> Image.Image:
    return Image.fromarray(compositing.flatten_layers(layers))


def _named_pictures(layers: compositing.Layers) -> list[tuple[Image.Image, str]]:
    """Returns the picture and the name of each layer, from top to bottom."""
    lines, color = (Image.fromarray(layer) for layer in layers)
    paper = Image.new("RGBA", lines.size, "white")
    return list(zip((lines, color, paper), LAYER_NAMES, strict=True))
