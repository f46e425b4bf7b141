"""Colours many files: reads ahead, computes in batches, writes behind."""

import collections
import contextlib
import itertools
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from s2c_jax.drawing import compositing, image_files, layered_files, preparation
from s2c_jax.drawing.palette import RgbaPalette
from s2c_jax.errors import UserError
from s2c_jax.inference.batching import batch_size
from s2c_jax.inference.colorizer import Colorizer, fit_hints
from s2c_jax.inference.jobs import Job

Item = TypeVar("Item")


Result = TypeVar("Result")


# Pixels from which several pictures at once would take too much memory.
_LARGE_PICTURE = 2048 * 2048


class Sketch(NamedTuple):
    """A sketch that was read.

    Attributes:
        job: where it is from and goes to.
        picture: it, RGB.
        square: it, as the network sees it.
        hints: its hints, if it has any, fitted likewise.
    """

    job: Job
    picture: Image.Image
    square: UInt8[np.ndarray, "size size 3"]
    hints: UInt8[np.ndarray, "size size 4"] | None


def colorize_files(
    colorizer: Colorizer,
    jobs: Iterable[Job | UserError],
    overwrite: bool,
    palette: RgbaPalette | None = None,
) -> tuple[int, int]:
    """Colours files, and names those that could not be on standard error.

    While a batch is coloured, the next sketches are read and the last pictures written. However
    many there are, memory holds a few batches of pictures, and what bringing one large picture up
    to its size takes.

    Args:
        colorizer: the loaded generator.
        jobs: from `find_jobs`.
        overwrite: whether existing outputs are replaced.
        palette: the colours to use in all of them, or None.

    Returns:
        How many were coloured and how many failed.
    """
    written = failed = 0
    one_at_a_time = threading.Lock()

    def fail(error: UserError) -> None:
        nonlocal failed
        failed += 1
        print(f"s2c_jax: {error}", file=sys.stderr)

    def read(job: Job | UserError) -> Sketch | UserError:
        if isinstance(job, UserError):
            return job
        try:
            if job.output.exists() and not overwrite:
                return UserError(f"{job.output}: exists already; --overwrite replaces it")
            sketch = image_files.read(job.sketch)
            size, hints = colorizer.image_size, None
            if job.hints:
                hints = fit_hints(
                    image_files.read_rgba(job.hints), sketch.size, size, str(job.hints)
                )
        except UserError as error:
            return error
        except OSError as error:
            return UserError(f"{job.output}: cannot be reached ({error.strerror or error})")
        return Sketch(job, sketch, preparation.downscale_sketch(sketch, size), hints)

    def write(colored: tuple[Sketch, np.ndarray]) -> Path | UserError:
        (job, sketch, square, _), color = colored
        try:
            job.output.parent.mkdir(parents=True, exist_ok=True)
            # Large pictures one at a time, for their memory.
            large = sketch.width * sketch.height > _LARGE_PICTURE
            turn = one_at_a_time if large else contextlib.nullcontext()
            if job.output.suffix.lower() == ".png":
                with turn:
                    picture = Image.fromarray(compositing.composite(sketch, square, color))
                image_files.write_png(picture, job.output)
            else:
                with turn:
                    layers = compositing.split_layers(sketch, square, color)
                layered_files.write(layers, job.output)
        except OSError as error:
            return UserError(f"{job.output}: cannot be written ({error.strerror or error})")
        return job.output

    def sound(sketches: Iterable[Sketch | UserError]) -> Iterator[Sketch]:
        for sketch in sketches:
            if isinstance(sketch, UserError):
                fail(sketch)
            else:
                yield sketch

    def colored(sketches: Iterator[Sketch]) -> Iterator[tuple[Sketch, np.ndarray]]:
        while batch := list(itertools.islice(sketches, batch_size())):
            squares = np.stack([sketch.square for sketch in batch])
            hints = [sketch.hints for sketch in batch]
            palettes = [palette] * len(batch)
            seeds = [sketch.job.seed for sketch in batch if sketch.job.seed is not None]
            colored = colorizer.colorize_squares(squares, hints, palettes, seeds or None)
            yield from zip(batch, colored, strict=True)

    started = time.perf_counter()
    with ThreadPoolExecutor() as pool:
        sketches = sound(_in_threads(pool, read, jobs))
        for result in _in_threads(pool, write, colored(sketches)):
            if isinstance(result, UserError):
                fail(result)
            else:
                print(result)
                written += 1
    seconds = time.perf_counter() - started
    print(f"{written} coloured, {failed} failed, {written / seconds:.1f} images/s")
    return written, failed


def _in_threads(
    pool: Executor, function: Callable[[Item], Result], items: Iterable[Item]
) -> Iterator[Result]:
    """Like `pool.map`, but takes items as results are taken, two batches ahead of them."""
    ahead: collections.deque[Future[Result]] = collections.deque()
    for item in items:
        ahead.append(pool.submit(function, item))
        if len(ahead) > 2 * batch_size():
            yield ahead.popleft().result()
    while ahead:
        yield ahead.popleft().result()
