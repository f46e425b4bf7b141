"""TFDS builder of pairs from colour pictures alone: the sketches are drawn from the pictures."""

import hashlib
import math
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import tensorflow_datasets as tfds
from jaxtyping import Array, Key, UInt8
from PIL import Image

from s2c_jax.datasets import own_files, pairs
from s2c_jax.drawing import hands, image_files, letterbox
from s2c_jax.errors import UserError

# A picture whose longer side is more than this many times its shorter side is cut into squares.
_LONG = 1.25
# The smallest standard deviation of a picture's levels, in [0, 255], with more than one colour.
_MIN_DEVIATION = 4.0
# The smallest mean difference between the channels of a pixel, in [0, 255], of a picture that is
# not grey.
_MIN_CHROMA = 3.0


class Crop(NamedTuple):
    """A square of a picture: one of `parts` along its longer side."""

    path: Path
    number: int
    parts: int


class ColorPictures(pairs.PairsBuilder[Crop]):
    """Pairs from the colour pictures in TFDS's manual_dir and its subfolders.

    Training can draw the sketches anew in every epoch (`augmentation.redraw`). The prepared
    sketches are for validation: the file's name decides in which hand a sketch is drawn.
    """

    VERSION = tfds.core.Version("1.0.0")
    MANUAL_DOWNLOAD_INSTRUCTIONS = "--manual_dir is a folder with colour pictures, or subfolders."
    max_left_out = pairs.MAX_LEFT_OUT
    can_crop = True

    def _info(self) -> tfds.core.DatasetInfo:
        return self.pairs_info(
            description=f"Your own colour pictures. {self.MANUAL_DOWNLOAD_INSTRUCTIONS}",
            metadata=tfds.core.MetadataDict(),
        )

    def own_files(self, manual_dir: Path) -> list[Path]:
        """Returns the files that the pairs are made of."""
        return list(own_files.find_pictures(manual_dir).values())

    def find(self, manual_dir: Path | None) -> dict[str, dict[str, Crop]]:
        """Finds the pictures, and the squares that are cut from each."""
        folder = self.required_folder(manual_dir)
        found = own_files.find_pictures(folder)
        if not found:
            raise UserError(f"{folder} holds no {', '.join(image_files.SUFFIXES)} files")
        own_files.name_ignored(folder)
        self.info.metadata["crop"] = self.crop
        # Squares of one picture are in the same split.
        splits = pairs.split_by_name(found)
        return {
            split: {
                f"{name}#{crop.number}" if crop.parts > 1 else name: crop
                for name, path in paths.items()
                for crop in self._crops(path)
            }
            for split, paths in splits.items()
        }

    def make(self, source: Crop) -> pairs.Example:
        """Reads a picture, and draws its sketch."""
        picture = image_files.read(source.path)
        if source.parts > 1:
            picture = _square(picture, source)
        color = letterbox.fit_square(picture, self.builder_config.size)
        levels = np.asarray(color).astype(np.float32)
        if levels.std() < _MIN_DEVIATION:
            raise UserError(f"{source.path}: the picture is all one colour")
        if np.ptp(levels, axis=-1).mean() < _MIN_CHROMA:
            raise UserError(f"{source.path}: the picture has no colours")
        sketch = draw_sketch(levels.astype(np.uint8), f"{source.path.name}#{source.number}")
        return pairs.encode(sketch=Image.fromarray(sketch), color=color)

    def _crops(self, path: Path) -> list[Crop]:
        parts = _num_squares(path) if self.crop else 1
        return [Crop(path, number, parts) for number in range(parts)]


def draw_sketch(
    color: UInt8[np.ndarray, "size size 3"], name: str
) -> UInt8[np.ndarray, "size size 3"]:
    """Draws the sketch of a colour picture, in [0, 255]; the name is the seed of all choices."""
    seed = int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big")
    # Draw on the CPU, so that no other device of this machine changes what is prepared.
    with jax.default_device(jax.local_devices(backend="cpu")[0]):
        drawn = _drawn(jax.random.key(seed), jnp.asarray(color, jnp.float32) / 255)
        return np.asarray(jnp.round(255 * drawn)).astype(np.uint8)


@jax.jit
def _drawn(key: Key[Array, ""], color: hands.Color) -> hands.Color:
    extract_key, hand_key, sketch_key = jax.random.split(key, 3)
    hand = hands.draw_hand(hand_key, tuple(hands.HANDS))
    return hands.sketch(sketch_key, hands.extract(extract_key, color), hand)


def _num_squares(path: Path) -> int:
    """Returns the number of squares that show the whole picture; 1 if the file is damaged."""
    try:
        with Image.open(path) as picture:
            shape = max(picture.size) / min(picture.size)
    except OSError:
        # `make` reads the file again, and names what is wrong.
        return 1
    return math.ceil(shape) if shape > _LONG else 1


def _square(picture: Image.Image, crop: Crop) -> Image.Image:
    """Cuts a square whose side is the picture's shorter side; the squares are evenly spaced."""
    side = min(picture.size)
    free = max(picture.size) - side
    start = round(free * crop.number / (crop.parts - 1))
    left, top = (start, 0) if picture.width > picture.height else (0, start)
    return picture.crop((left, top, left + side, top + side))
