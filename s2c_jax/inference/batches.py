"""Colours many files: reads ahead, colours in batches, writes behind."""

import contextlib
import functools
import threading
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from s2c_jax.drawing import image_files, layered_files
from s2c_jax.drawing.palette import RgbaPalette
from s2c_jax.errors import UserError, print_error
from s2c_jax.files import check_overwrite
from s2c_jax.inference.batching import batch_size
from s2c_jax.inference.colorizer import Colorizer, PreparedSketch
from s2c_jax.inference.jobs import Job
from s2c_jax.runtime import map_ahead

# Pixels from which a picture is large. Large pictures are composited one at a time: several at
# once would take too much memory.
_LARGE_PICTURE = 2048 * 2048

# A job and its sketch.
PreparedJob = tuple[Job, PreparedSketch]
# A job, its sketch and the network's output.
ColoredJob = tuple[Job, PreparedSketch, UInt8[np.ndarray, "size size 3"]]


def colorize_files(
    colorizer: Colorizer,
    jobs: Iterable[Job | UserError],
    overwrite: bool,
    palette: RgbaPalette | None = None,
) -> tuple[int, int]:
    """Colours files; prints each output, and each error as one line on standard error.

    While the network colours a batch, threads read the next sketches and write the last pictures.
    Memory holds a few batches of pictures, whatever the number of files. All pictures are coloured
    with the palette, if there is one.

    Returns:
        The number of files that were coloured and the number of files that failed.
    """
    ahead = 2 * batch_size()
    prepare = functools.partial(_prepare, colorizer, overwrite)
    write = functools.partial(_write, threading.Lock())
    written = failed = 0
    started = time.perf_counter()
    with ThreadPoolExecutor() as pool:
        prepared = map_ahead(pool, prepare, jobs, ahead)
        colored = _colorize_batches(colorizer, palette, prepared)
        for result in map_ahead(pool, write, colored, ahead):
            if isinstance(result, UserError):
                print_error(result)
                failed += 1
            else:
                print(result)
                written += 1
    seconds = time.perf_counter() - started
    print(f"{written} coloured, {failed} failed, {written / seconds:.1f} images/s")
    return written, failed


def _prepare(
    colorizer: Colorizer, overwrite: bool, job: Job | UserError
) -> PreparedJob | UserError:
    """Reads a job's files and fits them to the network's square."""
    if isinstance(job, UserError):
        return job
    try:
        check_overwrite(job.output, overwrite)
        sketch = image_files.read(job.sketch)
        hints = image_files.read_rgba(job.hints) if job.hints else None
        return job, colorizer.prepare(sketch, hints, str(job.hints))
    except UserError as error:
        return error
    except OSError as error:
        return UserError(f"{job.output}: cannot be reached ({error.strerror or error})")


def _colorize_batches(
    colorizer: Colorizer, palette: RgbaPalette | None, jobs: Iterable[PreparedJob | UserError]
) -> Iterator[ColoredJob | UserError]:
    """Colours jobs in batches of `batch_size()`; passes errors on."""
    batch: list[PreparedJob] = []
    for job in jobs:
        if isinstance(job, UserError):
            yield job
            continue
        batch.append(job)
        if len(batch) == batch_size():
            yield from _colorize_batch(colorizer, palette, batch)
            batch = []
    if batch:
        yield from _colorize_batch(colorizer, palette, batch)


def _colorize_batch(
    colorizer: Colorizer, palette: RgbaPalette | None, batch: list[PreparedJob]
) -> list[ColoredJob]:
    jobs, sketches = zip(*batch, strict=True)
    seeds = [job.seed for job in jobs if job.seed is not None]
    network_outputs = colorizer.colorize(sketches, [palette] * len(batch), seeds or None)
    return list(zip(jobs, sketches, network_outputs, strict=True))


def _write(
    lock: contextlib.AbstractContextManager[object], colored: ColoredJob | UserError
) -> Path | UserError:
    """Composites a picture, a large one under the lock, and writes it; returns its path."""
    if isinstance(colored, UserError):
        return colored
    job, sketch, network_output = colored
    is_large = sketch.picture.width * sketch.picture.height > _LARGE_PICTURE
    turn = lock if is_large else contextlib.nullcontext()
    try:
        job.output.parent.mkdir(parents=True, exist_ok=True)
        if job.output.suffix.lower() == ".png":
            with turn:
                picture = Image.fromarray(sketch.composite(network_output))
            image_files.write_png(picture, job.output)
        else:
            with turn:
                layers = sketch.layers(network_output)
            layered_files.write(layers, job.output)
    except OSError as error:
        return UserError(f"{job.output}: cannot be written ({error.strerror or error})")
    return job.output
