"""TFDS builder of pairs of drawn people, in several styles by several illustrators."""

import multiprocessing
import os
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import tensorflow_datasets as tfds
from PIL import Image

from s2c_jax.datasets import pairs
from s2c_jax.datasets.characters import figures
from s2c_jax.datasets.characters.pictures import draw_pair
from s2c_jax.errors import needs

_DESCRIPTION = """\
Pairs of a sketch and its colouring: people that DiceBear assembles from the drawings of several
illustrators. A picture shows one to three people, of any size and a little turned, on white or now
and then on a colour. Skin, hair, eyes, lips and clothes have colours as people and anime have them,
and most people have a cel shadow. The sketch is the same drawing with white regions. In each style
a tenth of the hair styles and a tenth of the faces are in the validation split alone.
"""
# Pairs in the two splits.
_COUNTS = {"train": 8000, "validation": 400}


class Characters(pairs.PairsBuilder[str]):
    """Sketch and colour pairs of people, from the packages dicebear-core and dicebear-styles."""

    VERSION = tfds.core.Version("1.0.0")

    def _info(self) -> tfds.core.DatasetInfo:
        with needs("characters", self.name):
            licences = figures.licences()
        return self.pairs_info(
            description=_DESCRIPTION,
            homepage="https://www.dicebear.com",
            license="Drawings: " + "; ".join(licences.values()),
        )

    def find(self, manual_dir: Path | None) -> dict[str, dict[str, str]]:
        """Returns the names of the pairs, which are the seeds of their choices.

        Also starts the processes that `make` draws in.
        """
        del manual_dir
        with needs("characters", self.name):
            import dicebear  # noqa: F401
            import resvg_py  # noqa: F401
        # Draw in processes: DiceBear and resvg hold the interpreter lock. Start them by "spawn",
        # since a process with JAX's threads must not be forked.
        self._processes = ProcessPoolExecutor(os.cpu_count(), multiprocessing.get_context("spawn"))
        names = {split: [f"{split}_{i:05d}" for i in range(_COUNTS[split])] for split in _COUNTS}
        return {split: {name: name for name in names[split]} for split in names}

    def make(self, source: str) -> pairs.Example:
        """Draws the people of a pair, in another process."""
        drawing = self._processes.submit(draw_pair, source, self.builder_config.size)
        sketch, color = map(Image.fromarray, drawing.result())
        return pairs.encode(sketch=sketch, color=color)
