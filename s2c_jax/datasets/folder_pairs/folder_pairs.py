"""TFDS builder of the user's own pairs: a folder of sketches and a folder of colour pictures."""

from pathlib import Path

import tensorflow_datasets as tfds

from s2c_jax.datasets import pairs
from s2c_jax.drawing import image_files, letterbox
from s2c_jax.errors import UserError


class FolderPairs(pairs.PairsBuilder[tuple[Path, Path]]):
    """The pairs sketch/NAME and color/NAME in TFDS's manual_dir: PNG, JPEG or WebP files."""

    VERSION = tfds.core.Version("1.2.0")
    RELEASE_NOTES = {  # noqa: RUF012
        "1.1.0": "In an order drawn by the names.",
        "1.2.0": "With palettes.",
    }
    MANUAL_DOWNLOAD_INSTRUCTIONS = (
        "Put your pictures into two folders, sketch/ and color/, and name a sketch and its colour "
        "picture alike; --manual_dir is the folder that holds the two."
    )

    def _info(self) -> tfds.core.DatasetInfo:
        return self.pairs_info(description=f"Your own pairs. {self.MANUAL_DOWNLOAD_INSTRUCTIONS}")

    def find(self, manual_dir: Path | None) -> dict[str, dict[str, tuple[Path, Path]]]:
        """Finds the files of each pair, sketch and colour picture."""
        if manual_dir is None:
            raise UserError(f"{self.name} needs --manual_dir. {self.MANUAL_DOWNLOAD_INSTRUCTIONS}")
        return pairs.split_by_name(find_pairs(manual_dir))

    def make(self, source: tuple[Path, Path]) -> pairs.Example:
        """Reads a sketch and its colour picture, and letterboxes both to the config's size."""
        sketch, color = map(image_files.read, source)
        if sketch.size != color.size:
            raise UserError(
                f"{source[0]} has {sketch.width}x{sketch.height} pixels, "
                f"{source[1]} {color.width}x{color.height}: make them the same"
            )
        size = self.builder_config.size
        return pairs.encode(
            sketch=letterbox.fit_square(sketch, size), color=letterbox.fit_square(color, size)
        )


def find_pairs(folder: Path) -> dict[str, tuple[Path, Path]]:
    """Finds the pairs in the folders sketch/ and color/ of a folder.

    Returns:
        The paths of the sketch and of the colour picture, by their common name without suffix.

    Raises:
        UserError: a folder is missing, two pictures of a folder have the same name, a picture has
            no partner, or one of the two splits would be empty.
    """
    sketches, colors = (_pictures(folder / kind) for kind in ("sketch", "color"))
    for name in sorted(sketches.keys() ^ colors.keys()):
        has, lacks = ("sketch", "color") if name in sketches else ("color", "sketch")
        raise UserError(f"{folder / has} has a picture {name!r}, {folder / lacks} has none")
    count = len(sketches)
    if not 0 < sum(map(pairs.is_validation, sketches)) < count:
        raise UserError(f"{folder} holds {count} pairs, too few to hold a tenth out: add some")
    return {name: (sketches[name], colors[name]) for name in sketches}


def _pictures(folder: Path) -> dict[str, Path]:
    """Returns the paths of a folder's pictures, by name without suffix, sorted."""
    if not folder.is_dir():
        raise UserError(f"there is no folder {folder}")
    paths: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() in image_files.SUFFIXES:
            if path.stem in paths:
                raise UserError(f"{path} and {paths[path.stem].name} have the same name")
            paths[path.stem] = path
    return paths
