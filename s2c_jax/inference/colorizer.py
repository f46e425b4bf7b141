"""The one path from a sketch to a coloured picture: prepare, colour, composite."""

import functools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import jax
import numpy as np
from jaxtyping import UInt8
from PIL import Image

from s2c_jax.distributed import replicated_sharding
from s2c_jax.drawing import compositing, image_files, letterbox, preparation
from s2c_jax.drawing import palette as palette_lib
from s2c_jax.drawing.palette import RgbaPalette
from s2c_jax.errors import UserError
from s2c_jax.inference.generate import UInt8Pictures, make_generate
from s2c_jax.inference.load import load_generator

Backend = Literal["jax", "onnxruntime"]


class PreparedSketch(NamedTuple):
    """A sketch at full size, and what the network sees of it.

    Attributes:
        picture: the sketch, RGB, at full size.
        network_input: the sketch in the network's square, see `preparation.downscale_sketch`.
        hints: the hints in the same square, with an alpha of 0 or 255, or None.
    """

    picture: Image.Image
    network_input: UInt8[np.ndarray, "size size 3"]
    hints: UInt8[np.ndarray, "size size 4"] | None = None

    def layers(self, network_output: UInt8[np.ndarray, "size size 3"]) -> compositing.Layers:
        """Returns lines and colour at full size from the network's output, RGB in [0, 255]."""
        return compositing.split_layers(self.picture, self.network_input, network_output)

    def composite(
        self, network_output: UInt8[np.ndarray, "size size 3"]
    ) -> UInt8[np.ndarray, "height width 3"]:
        """Returns the flat picture of `layers`: the sketch's lines over the colours."""
        return compositing.composite(self.picture, self.network_input, network_output)


class Colorizer:
    """A run's generator, loaded once, to colour many sketches.

    All of this process's devices share the work. A sketch's picture does not depend on the other
    sketches that are coloured with it.

    Attributes:
        image_size: the side of the network's square, in pixels.
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
            workdir: the run's folder.
            step: which checkpoint: a step, "last" or "best", see `checkpoint.resolve_step`.
            backend: what computes the network: "jax", on all devices, or "onnxruntime", on the
                CPU, which is faster for one sketch at a time and has no dropout.

        Raises:
            UserError: the run or the checkpoint does not exist, or the backend is not installed.
        """
        self._workdir, self._backend = Path(workdir), backend
        self._compiled: Callable[..., UInt8Pictures] | None = None
        self.load(step)

    def load(self, step: int | str) -> None:
        """Loads another checkpoint of the same run; JAX compiles nothing again.

        Raises:
            UserError: the checkpoint does not exist.
        """
        trained = load_generator(self._workdir, step)
        self.step, self.image_size = trained.step, trained.config.image_size
        self.trained_on: str = trained.config.dataset.name
        self.takes_hints, self.takes_palette = trained.generator.hints, trained.generator.palette
        self._generate: Callable[..., UInt8Pictures]
        if self._backend == "onnxruntime":
            # Import late: ONNX Runtime is an optional dependency.
            from s2c_jax.inference import onnx_backend

            self._generate = onnx_backend.make_generate(trained.generator, trained.variables)
            return
        self._compiled = self._compiled or make_generate(trained.generator)
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
            The coloured pictures, RGB, each in its sketch's size.
        """
        return [
            Image.fromarray(sketch.composite(network_output))
            for sketch, network_output in self._colorize_pictures(sketches, hints, palettes, seeds)
        ]

    def layers(
        self,
        sketches: Sequence[Image.Image],
        hints: Sequence[Image.Image | None] | None = None,
        palettes: Sequence[RgbaPalette | None] | None = None,
        seeds: Sequence[int] | None = None,
    ) -> list[compositing.Layers]:
        """Colours sketches and keeps lines and colour apart.

        Args:
            sketches: pictures of any mode and size.
            hints: for each sketch a picture of the sketch's size, transparent where it gives no
                hint, or None.
            palettes: for each sketch the colours to use, from `palette.from_colors` or
                `palette.read`, or None.
            seeds: for each sketch a seed in [0, 2 ** 32). Each seed gives another colouring, and
                always the same one. It is the seed of dropout, and of a random palette if the run
                takes palettes and the sketch has none. None gives the most likely colouring.

        Returns:
            The layers, each in its sketch's size.

        Raises:
            UserError: the run was trained without hints or palettes and some are given, or hints
                are opaque, or their size is not the sketch's; or ONNX Runtime would give equal
                pictures for all seeds.
            ValueError: the number of hints, palettes or seeds is not the number of sketches.
        """
        return [
            sketch.layers(network_output)
            for sketch, network_output in self._colorize_pictures(sketches, hints, palettes, seeds)
        ]

    def prepare(
        self, sketch: Image.Image, hints: Image.Image | None = None, name: str = "the hints"
    ) -> PreparedSketch:
        """Fits a sketch and its hints to the network's square.

        Args:
            sketch: a picture of any mode and size.
            hints: a picture of the sketch's size, transparent where it gives no hint, or None.
            name: what error messages call the hints.

        Raises:
            UserError: the hints are opaque, or their size is not the sketch's.
        """
        picture = image_files.to_rgb(sketch)
        network_input = preparation.downscale_sketch(picture, self.image_size)
        if hints is None:
            return PreparedSketch(picture, network_input)
        hints = hints.convert("RGBA")
        if hints.getchannel("A").getextrema()[0] == 255:
            raise UserError(
                f"{name}: the picture has no transparent pixel; hints must be transparent "
                "wherever they give no colour"
            )
        if hints.size != picture.size:
            raise UserError(
                f"{name}: {hints.width}x{hints.height} pixels, but the sketch has "
                f"{picture.width}x{picture.height}: make the sizes equal"
            )
        fitted = letterbox.fit_square_rgba(hints, self.image_size)
        return PreparedSketch(picture, network_input, fitted)

    def colorize(
        self,
        sketches: Sequence[PreparedSketch],
        palettes: Sequence[RgbaPalette | None] | None = None,
        seeds: Sequence[int] | None = None,
    ) -> UInt8Pictures:
        """Colours prepared sketches in the network's size.

        Args:
            sketches: from `prepare`, at least one.
            palettes: see `layers`.
            seeds: see `layers`.

        Returns:
            For each sketch the network's output, which its `composite` and `layers` take.

        Raises:
            UserError: the run was trained without hints or palettes and some are given, or ONNX
                Runtime would give equal pictures for all seeds.
            ValueError: the number of palettes or seeds is not the number of sketches.
        """
        squares = np.stack([sketch.network_input for sketch in sketches])
        hints = [sketch.hints for sketch in sketches]
        return self.colorize_squares(squares, hints, palettes, seeds)

    def colorize_squares(
        self,
        sketches: UInt8[np.ndarray, "batch size size 3"],
        hints: Sequence[UInt8[np.ndarray, "size size 4"] | None] | None = None,
        palettes: Sequence[RgbaPalette | None] | None = None,
        seeds: Sequence[int] | None = None,
    ) -> UInt8[np.ndarray, "batch size size 3"]:
        """Colours squares, RGB in [0, 255]; hints are RGBA squares with an alpha of 0 or 255.

        The rest is as in `colorize`.
        """
        count = len(sketches)
        _require_counts(count, hints=hints, palettes=palettes, seeds=seeds)
        given = any(palette is not None for palette in palettes or ())
        varies = self._backend != "onnxruntime" or (self.takes_palette and not given)
        if seeds is not None and not varies:
            raise UserError(
                "ONNX Runtime has no dropout, so its variants differ by random palettes only: "
                "give no palette, train with palettes, or use the backend jax"
            )
        if seeds is not None and self.takes_palette:
            palettes = [
                palette_lib.draw(seed) if palette is None else palette
                for seed, palette in zip(seeds, palettes or [None] * count, strict=True)
            ]
        stacked_hints, stacked_palettes = _stack_guidance(hints), _stack_guidance(palettes)
        self.require(hints=stacked_hints is not None, palette=stacked_palettes is not None)
        stacked_seeds = None if seeds is None else np.array(seeds, np.uint32)
        return self._generate(sketches, stacked_hints, stacked_palettes, stacked_seeds)

    def require(self, *, hints: bool, palette: bool) -> None:
        """Raises a `UserError` if guidance is given of a kind that the run does not take."""
        takes = {"hints": self.takes_hints, "palette": self.takes_palette}
        for name, is_given in (("hints", hints), ("palette", palette)):
            if is_given and not takes[name]:
                raise UserError(
                    f"{self._workdir} takes no {name}: it was trained with "
                    f"config.generator.{name}=False"
                )

    def _colorize_pictures(
        self,
        sketches: Sequence[Image.Image],
        hints: Sequence[Image.Image | None] | None,
        palettes: Sequence[RgbaPalette | None] | None,
        seeds: Sequence[int] | None,
    ) -> list[tuple[PreparedSketch, UInt8[np.ndarray, "size size 3"]]]:
        """Prepares and colours sketches; see `layers`."""
        if not sketches:
            return []
        hints = hints or [None] * len(sketches)
        _require_counts(len(sketches), hints=hints)
        prepared = [
            self.prepare(sketch, hint, f"hints {index}")
            for index, (sketch, hint) in enumerate(zip(sketches, hints, strict=True))
        ]
        return list(zip(prepared, self.colorize(prepared, palettes, seeds), strict=True))


def variant_seeds(seed: int, count: int) -> list[int]:
    """Returns the seeds of `count` variants; the same non-negative `seed` gives the same ones."""
    return np.random.SeedSequence(seed).generate_state(count).tolist()


def _require_counts(sketches: int, **guidance: Sequence[object] | None) -> None:
    """Raises a `ValueError` if guidance is not given for each sketch."""
    for name, items in guidance.items():
        if items is not None and len(items) != sketches:
            raise ValueError(f"{sketches} sketches, but {len(items)} {name}: give one a sketch")


def _stack_guidance(items: Sequence[np.ndarray | None] | None) -> np.ndarray | None:
    """Stacks arrays, with zeros in the place of None; returns None if all are None."""
    example = next((item for item in items or () if item is not None), None)
    if items is None or example is None:
        return None
    return np.stack([np.zeros_like(example) if item is None else item for item in items])
