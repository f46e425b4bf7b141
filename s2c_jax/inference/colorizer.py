"""A run's generator, loaded once, to colour many sketches: with hints, palettes and variants."""

import functools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

import jax
import numpy as np
from jaxtyping import UInt8
from PIL import Image

from s2c_jax.distributed import replicated_sharding
from s2c_jax.drawing import compositing, image_files, letterbox, preparation
from s2c_jax.drawing import palette as palette_lib
from s2c_jax.drawing.palette import RgbaPalette
from s2c_jax.errors import UserError
from s2c_jax.inference.generate import Pictures, make_generate
from s2c_jax.inference.load import load_generator

Backend = Literal["jax", "onnxruntime"]


class Colorizer:
    """A run's generator, loaded once, to colour many sketches.

    All of this process's devices share the work. The same sketch gives the same picture whatever
    else is coloured with it.

    Attributes:
        image_size: the side of the square that the network sees, in pixels.
        takes_hints: whether the run was trained with hints.
        takes_palette: whether the run was trained with palettes.
        step: the checkpoint's step.
        trained_on: the data set's name.
    """

    def __init__(
        self, workdir: str | Path, step: int | str = "last", backend: Backend = "jax"
    ) -> None:
        """Loads a checkpoint.

        Args:
            workdir: the run's.
            step: which checkpoint: its step, "last" or "best" (see `checkpoint.find`).
            backend: what computes: "jax", on all devices, or "onnxruntime", on the CPU, which is
                faster with one sketch at a time and knows no dropout.

        Raises:
            UserError: there is no such run or checkpoint, or the backend is not installed.
        """
        self._workdir, self._backend = Path(workdir), backend
        self._compiled: Callable[..., Pictures] | None = None
        self.load(step)

    def load(self, step: int | str) -> None:
        """Takes another checkpoint of the same run; with JAX nothing is compiled anew.

        Args:
            step: as above.

        Raises:
            UserError: there is no such checkpoint.
        """
        trained = load_generator(self._workdir, step)
        self.step, self.image_size = trained.step, trained.config.image_size
        self.trained_on: str = trained.config.dataset.name
        self.takes_hints, self.takes_palette = trained.generator.hints, trained.generator.palette
        if self._backend == "onnxruntime":
            # Most have no need of it, and need not have installed it.
            from s2c_jax.inference import onnx_backend

            self._generate = onnx_backend.make_generate(trained.generator, trained.variables)
            return
        if self._compiled is None:
            self._compiled = make_generate(trained.generator)
        variables = jax.device_put(trained.variables, replicated_sharding())
        self._generate = functools.partial(self._compiled, variables)

    def __call__(
        self,
        sketches: Sequence[Image.Image],
        hints: Sequence[Image.Image | None] | None = None,
        palettes: Sequence[RgbaPalette | None] | None = None,
        seeds: Sequence[int] | None = None,
    ) -> list[Image.Image]:
        """Colours sketches: the network's colours under the sketches' own lines.

        Arguments and errors are those of `layers`.

        Returns:
            The colour pictures, RGB, each in its sketch's size.
        """
        return [
            Image.fromarray(compositing.flatten_layers(layers))
            for layers in self.layers(sketches, hints, palettes, seeds)
        ]

    def layers(
        self,
        sketches: Sequence[Image.Image],
        hints: Sequence[Image.Image | None] | None = None,
        palettes: Sequence[RgbaPalette | None] | None = None,
        seeds: Sequence[int] | None = None,
    ) -> list[compositing.Layers]:
        """Colours sketches, and keeps lines and colour apart.

        Args:
            sketches: pictures of any mode and size, which the network sees in its own size.
            hints: for each sketch a picture of its size, transparent where nothing is said, or
                None.
            palettes: for each sketch colours to use, from `palette.from_colors` or `palette.read`,
                or None.
            seeds: for each sketch a number in [0, 2 ** 32): another colouring for each, the same
                one for the same number. It is the seed of dropout, and of a palette if the run
                takes one and none is given. None is the most likely colouring.

        Returns:
            The layers, each in its sketch's size.

        Raises:
            UserError: the run was trained without hints or palettes and there are some, or hints
                are opaque or have another size than their sketch.
            ValueError: there are not as many hints, palettes or seeds as sketches.
        """
        if not sketches:
            return []
        size = self.image_size
        sketches = [image_files.to_rgb(sketch) for sketch in sketches]
        squares = [preparation.downscale_sketch(sketch, size) for sketch in sketches]
        hint_squares = [
            None
            if hint is None
            else fit_hints(hint.convert("RGBA"), sketch.size, size, f"hints {i}")
            for i, (hint, sketch) in enumerate(
                zip(hints or [None] * len(sketches), sketches, strict=True)
            )
        ]
        colored = self.colorize_squares(np.stack(squares), hint_squares, palettes, seeds)
        return [
            compositing.split_layers(*parts)
            for parts in zip(sketches, squares, colored, strict=True)
        ]

    def colorize_squares(
        self,
        sketches: UInt8[np.ndarray, "batch size size 3"],
        hints: Sequence[np.ndarray | None] | None = None,
        palettes: Sequence[RgbaPalette | None] | None = None,
        seeds: Sequence[int] | None = None,
    ) -> UInt8[np.ndarray, "batch size size 3"]:
        """Colours sketches that have the network's size already.

        Args:
            sketches: the sketches.
            hints: for each uint8 RGBA, (size, size, 4), with an alpha of 0 or 255, or None.
            palettes: as above.
            seeds: as above.

        Raises:
            UserError: the run was trained without hints or palettes and there are some.
            ValueError: there are not as many hints, palettes or seeds as sketches.
        """
        for name, given in (("hints", hints), ("palettes", palettes), ("seeds", seeds)):
            if given is not None and len(given) != len(sketches):
                raise ValueError(f"{len(sketches)} sketches, and {len(given)} {name}")
        if seeds is not None and self.takes_palette:
            palettes = [
                palette_lib.draw(seed) if colors is None else colors
                for seed, colors in zip(seeds, palettes or [None] * len(seeds), strict=True)
            ]
        stacked_hints, stacked_palettes = _stacked(hints), _stacked(palettes)
        self.require(hints=stacked_hints is not None, palette=stacked_palettes is not None)
        return self._generate(
            sketches,
            stacked_hints,
            stacked_palettes,
            None if seeds is None else np.array(seeds, np.uint32),
        )

    def require(self, *, hints: bool, palette: bool) -> None:
        """Checks that the run was trained with what it is going to get.

        Raises:
            UserError: it was trained without.
        """
        for name, given, taken in (
            ("hints", hints, self.takes_hints),
            ("palette", palette, self.takes_palette),
        ):
            if given and not taken:
                raise UserError(
                    f"{self._workdir} takes no {name}: it was trained with "
                    f"config.generator.{name}=False"
                )


def _stacked(given: Sequence[np.ndarray | None] | None) -> np.ndarray | None:
    """Stacks what is said, zeros where nothing is; None if nothing is said at all."""
    said = [item for item in given or () if item is not None]
    if given is None or not said:
        return None
    return np.stack([np.zeros_like(said[0]) if item is None else item for item in given])


def fit_hints(
    hints: Image.Image, sketch_size: tuple[int, int], size: int, name: str
) -> UInt8[np.ndarray, "{size} {size} 4"]:
    """Fits hints to the network's square as their sketch is.

    Args:
        hints: an RGBA picture, transparent where nothing is said.
        sketch_size: its sketch's width and height.
        size: the square's side.
        name: how messages call it.

    Raises:
        UserError: it is opaque, or has another size than its sketch.
    """
    if hints.getchannel("A").getextrema()[0] == 255:
        raise UserError(
            f"{name}: it has no transparent pixel; hints are transparent where nothing is said"
        )
    if hints.size != sketch_size:
        raise UserError(
            f"{name}: {hints.width}x{hints.height} pixels, and the sketch has "
            f"{sketch_size[0]}x{sketch_size[1]}: make them the same"
        )
    return letterbox.fit_square_rgba(hints, size)
