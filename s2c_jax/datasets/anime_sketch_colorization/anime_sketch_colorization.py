"""TFDS builder of pairs from Kaggle's Anime Sketch Colorization Pair."""

import sys
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import ClassVar

import numpy as np
import tensorflow_datasets as tfds
import tqdm
from PIL import Image

from s2c_jax.datasets import pairs
from s2c_jax.datasets.anime_sketch_colorization import archive
from s2c_jax.drawing import palette
from s2c_jax.errors import UserError

_DESCRIPTION = """\
Pairs of an anime sketch and its colour picture. Each file of the archive holds both side by side;
halves that are not 512x512 are padded with white or cropped to that size about their centre.
"palette" is that of the archive's colorgram files. Files that hold no pair are left out; the
metadata names them, and the pictures whose palette had to be computed.
"""
_CITATION = """\
@misc{anime-sketch-colorization-pair,
  title = {Anime Sketch Colorization Pair},
  author = {Taebum Kim},
  howpublished = {https://www.kaggle.com/datasets/ktaebum/anime-sketch-colorization-pair},
}
"""
# The folder of each split in the archive.
_FOLDERS = {"train": "train", "validation": "val"}


class AnimeSketchColorization(pairs.PairsBuilder[str]):
    """Sketches, colour pictures and palettes from Kaggle's archive.

    The metadata lists the exceptions: "left_out" maps a member to the reason why it holds no pair;
    "palette_computed" holds the names of the pairs without a readable colorgram file.
    """

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First version."}  # noqa: RUF012
    BUILDER_CONFIGS: ClassVar[list[pairs.PairsConfig]] = pairs.configs(128, 256, 512)
    MANUAL_DOWNLOAD_INSTRUCTIONS = archive.DOWNLOAD_INSTRUCTIONS

    def _info(self) -> tfds.core.DatasetInfo:
        return self.pairs_info(
            description=_DESCRIPTION, citation=_CITATION, homepage=archive.HOMEPAGE,
            metadata=tfds.core.MetadataDict(),
        )  # fmt: skip

    def find(self, manual_dir: Path | None) -> dict[str, dict[str, str]]:
        """Finds the archive, and in it the member of each pair."""
        self._archive = archive.open_archive(manual_dir)
        self._colorgrams = set(self._archive.names("colorgram", ".json"))
        members: dict[str, dict[str, str]] = {}
        # The number of each folder's members that may still hold a pair.
        self._remaining: dict[str, int] = {}
        for split, folder in _FOLDERS.items():
            names = list(self._archive.names(folder, ".png"))
            if not names:
                raise UserError(f"{self._archive.path} holds no data/{folder}/*.png")
            members[split] = {name: f"data/{folder}/{name}.png" for name in names}
            self._remaining[folder] = len(names)
        self._may_leave_out = int(pairs.MAX_LEFT_OUT * sum(self._remaining.values()))
        self.info.metadata.update(left_out={}, palette_computed=[])
        return members

    def make(self, source: str) -> pairs.Example:
        """Reads a member; adds "palette_computed", whether it has no readable colorgram file."""
        color, sketch = archive.split_halves(self._archive.read(source), source)
        colorgram = self._colorgram(PurePosixPath(source).stem)
        # The archive's palettes are of the full size, so compute this one before resizing.
        colors = palette.extract(np.asarray(color)) if colorgram is None else colorgram
        size = (self.builder_config.size, self.builder_config.size)
        if color.size != size:
            color = color.resize(size, Image.Resampling.LANCZOS)
            sketch = sketch.resize(size, Image.Resampling.LANCZOS)
        pair = pairs.encode(sketch=sketch, color=color, colors=colors)
        return {**pair, "palette_computed": colorgram is None}

    def generate(
        self, made: Iterator[tuple[str, pairs.Example | UserError]]
    ) -> Iterator[pairs.Example]:
        """Yields a shard's examples, leaves out files that hold no pair, updates the metadata.

        Raises:
            UserError: more than `pairs.MAX_LEFT_OUT` of the files hold no pair, or all of a split.
        """
        for name, pair in made:
            if isinstance(pair, UserError):
                self._leave_out(pair)
                continue
            if pair.pop("palette_computed"):
                self.info.metadata["palette_computed"].append(name)
            yield {"id": name, **pair}

    def summary(self) -> str:
        """Returns a line about the files that were left out and the palettes that were computed."""
        metadata = self.info.metadata
        left_out = metadata["left_out"]
        names = f" ({', '.join(sorted(left_out)[:10])}{' …' * (len(left_out) > 10)})"
        return (
            f"left out {len(left_out)} files that hold no pair{names if left_out else ''}; "
            f"{len(metadata['palette_computed'])} palettes computed for want of a colorgram"
        )

    def _colorgram(self, name: str) -> palette.Palette | None:
        """Reads a pair's colorgram file; returns None if it is missing or damaged."""
        if name not in self._colorgrams:
            return None
        try:
            return palette.parse(self._archive.read(f"data/colorgram/{name}.json"))
        except (UserError, ValueError):
            return None

    def _leave_out(self, error: UserError) -> None:
        """Reports a member that holds no pair; the error's text is "MEMBER: REASON"."""
        left_out = self.info.metadata["left_out"]
        member, _, reason = str(error).partition(": ")
        left_out[member] = reason
        tqdm.tqdm.write(f"left out {error}", file=sys.stderr)
        folder = PurePosixPath(member).parent.name
        self._remaining[folder] -= 1
        if not self._remaining[folder]:
            raise UserError(f"{self._archive.path} holds no pair in data/{folder}")
        if len(left_out) > self._may_leave_out:
            worst = "; ".join(f"{name}: {why}" for name, why in list(left_out.items())[:5])
            raise UserError(
                f"{self._archive.path}: {len(left_out)} files so far hold no pair, more than "
                f"{pairs.MAX_LEFT_OUT:.0%} of all ({worst}): is the download whole?"
            )
