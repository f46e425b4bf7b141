"""TFDS builder of the user's own pairs: a folder of sketches and a folder of colour pictures."""

from pathlib import Path

import tensorflow_datasets as tfds

from s2c_jax.datasets import own_files, pairs
from s2c_jax.drawing import image_files, letterbox
from s2c_jax.errors import UserError

# The sketch and the colour picture of a pair, or why there is no pair.
Source = tuple[Path, Path] | UserError


class FolderPairs(pairs.PairsBuilder[Source]):
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
    max_left_out = pairs.MAX_LEFT_OUT

    def _info(self) -> tfds.core.DatasetInfo:
        return self.pairs_info(
            description=f"Your own pairs. {self.MANUAL_DOWNLOAD_INSTRUCTIONS}",
            metadata=tfds.core.MetadataDict(),
        )

    def own_files(self, manual_dir: Path) -> list[Path]:
        """Returns the files that the pairs are made of."""
        folders = (own_files.find_pictures(manual_dir / kind) for kind in ("sketch", "color"))
        return [path for found in folders for path in found.values()]

    def find(self, manual_dir: Path | None) -> dict[str, dict[str, Source]]:
        """Finds the files of each pair, sketch and colour picture."""
        return pairs.split_by_name(find_pairs(self.required_folder(manual_dir)))

    def make(self, source: Source) -> pairs.Example:
        """Reads a sketch and its colour picture, and letterboxes both to the config's size."""
        if isinstance(source, UserError):
            raise source
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


def find_pairs(folder: Path) -> dict[str, Source]:
    """Finds the pairs in the folders sketch/ and color/ of a folder.

    Returns:
        The paths of the sketch and of the colour picture, by their common name without suffix; a
        UserError for a picture without a partner.

    Raises:
        UserError: a folder is missing, or two pictures of a folder have the same name.
    """
    sketches, colors = (own_files.find_pictures(folder / kind) for kind in ("sketch", "color"))
    own_files.name_ignored(folder)
    found: dict[str, Source] = {}
    for name in sorted(sketches.keys() | colors.keys()):
        if name in sketches and name in colors:
            found[name] = (sketches[name], colors[name])
        else:
            has, lacks = ("sketch", "color") if name in sketches else ("color", "sketch")
            found[name] = UserError(
                f"{folder / has} has a picture {name!r}, {folder / lacks} has none"
            )
    return found
