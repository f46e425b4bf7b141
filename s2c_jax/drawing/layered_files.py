"""Files that artists go on with: a flat picture, or layers for Krita, GIMP and Photoshop."""

import gc
import io
from collections.abc import Callable
from pathlib import Path

from PIL import Image

from s2c_jax import files
from s2c_jax.drawing import compositing, image_files
from s2c_jax.errors import UserError

# From top to bottom, as they are called in the files; the paper is white.
LAYER_NAMES = ("lines", "colour", "paper")


def write(layers: compositing.Layers, path: Path) -> None:
    """Writes a coloured sketch, whole or not at all, in the format that the path ends in.

    Args:
        layers: from `compositing.separate`.
        path: a .png, .ora or .psd file.

    Raises:
        UserError: a package that the format needs is not installed.
        OSError: it cannot be written.
    """
    files.write_whole(path, _ENCODERS[path.suffix.lower()](layers))


def require(suffix: str) -> None:
    """Checks that the package that a format needs is installed.

    Raises:
        UserError: it is not.
    """
    package = {".ora": "pyora", ".psd": "psd_tools"}.get(suffix)
    try:
        if package:
            __import__(package)
    except ImportError:
        raise UserError(
            f"{suffix} files need the package {package}: pip install 's2c_jax[layers]'"
        ) from None


def _png(layers: compositing.Layers) -> bytes:
    return image_files.encode_png(_flat(layers))


def _ora(layers: compositing.Layers) -> bytes:
    """OpenRaster (https://www.openraster.org)."""
    import pyora  # type: ignore[import-untyped]

    flat = _flat(layers)
    project = pyora.Project.new(*flat.size)
    for picture, name in reversed(_pictures(layers)):
        project.add_layer(picture, name)
    buffer = io.BytesIO()
    project.save(buffer, composite_image=flat.convert("RGBA"))
    # A project and its layers hold each other, and the pictures, until garbage is collected.
    del project
    gc.collect()
    return buffer.getvalue()


def _psd(layers: compositing.Layers) -> bytes:
    """Photoshop's, with the flat picture for programs that know no layers."""
    from psd_tools import PSDImage

    # With an alpha channel: without, layers' transparency would become masks.
    document = PSDImage.frompil(_flat(layers).convert("RGBA"))
    for picture, name in reversed(_pictures(layers)):
        document.create_pixel_layer(picture, name)
    buffer = io.BytesIO()
    document.save(buffer)
    return buffer.getvalue()


_ENCODERS: dict[str, Callable[[compositing.Layers], bytes]] = {
    ".png": _png,
    ".ora": _ora,
    ".psd": _psd,
}


SUFFIXES = tuple(_ENCODERS)


def _flat(layers: compositing.Layers) -> Image.Image:
    return Image.fromarray(compositing.flatten_layers(layers))


def _pictures(layers: compositing.Layers) -> list[tuple[Image.Image, str]]:
    """Returns the layers' pictures and names from top to bottom."""
    lines, color = (Image.fromarray(layer) for layer in layers)
    paper = Image.new("RGBA", lines.size, (*image_files.WHITE, 255))
    return list(zip((lines, color, paper), LAYER_NAMES, strict=True))
