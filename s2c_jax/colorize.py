"""Colours sketches with a trained generator.

python -m s2c_jax.colorize --workdir runs/openmoji sketch.png folder/ --output colored/
python -m s2c_jax.colorize --workdir runs/openmoji --held_out 24 --output colored/

A run that was trained with hints or palettes (configs/openmoji_hints.py) also takes --hints,
--palette and --palette-from.
"""

import argparse
import collections
import contextlib
import io
import itertools
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple, TypeVar, get_args

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from s2c_jax import artwork, compositing, images, runtime
from s2c_jax import config as config_lib
from s2c_jax import palette as palette_lib
from s2c_jax.colorizer import Backend, Colorizer, fit_hints
from s2c_jax.errors import UserError
from s2c_jax.inference import batch_size, step_argument
from s2c_jax.palette import GivenPalette

Item = TypeVar("Item")
Result = TypeVar("Result")


# Pixels from which several pictures at once would take too much memory.
_LARGE_PICTURE = 2048 * 2048


class Job(NamedTuple):
    """A file to colour.

    Attributes:
        sketch: the sketch's file.
        output: where its colour picture goes.
        hints: the file of its hints, if it has any.
        seed: of the variant, if it is one.
    """

    sketch: Path
    output: Path
    hints: Path | None = None
    seed: int | None = None


def find_jobs(
    sketches: Iterable[Path],
    output: Path,
    suffix: str = ".png",
    hints: Path | None = None,
    seeds: Sequence[int] = (),
) -> list[Job | UserError]:
    """Finds the sketches to colour and names their outputs.

    Args:
        sketches: files, and folders that are searched with their subfolders.
        output: a folder, which gets NAME and the suffix for each file, below it a folder's own
            structure; or a file of a format of `artwork.write` if `sketches` is one file. Pictures
            in it are no sketches.
        suffix: which format files in a folder have.
        hints: the hints of one sketch, or a folder of them: .png files named as the outputs are. A
            sketch whose hints are missing from it has none, and pictures in it are no sketches.
        seeds: of the variants of each sketch, whose outputs are NAME_1 and so on; none is no
            variants.

    Returns:
        Jobs, and an error for each sketch that is not there or whose output would replace a
        sketch, hints or another one's output, and for each file of hints that is of no sketch.

    Raises:
        UserError: there are no hints, or one file for several sketches.
    """
    sketches = list(sketches)
    is_file = output.suffix.lower() in artwork.SUFFIXES and not output.is_dir()
    single = len(sketches) == 1 and is_file
    # Pictures in these are no sketches.
    others = [folder.resolve() for folder in (output, hints) if folder]
    jobs: list[Job | UserError] = []
    for given in sketches:
        if not given.is_dir():
            target = output if single else output / given.with_suffix(suffix).name
            jobs.append(Job(given, target) if given.exists() else UserError(f"{given}: not there"))
            continue
        folder = given.resolve()
        found = [
            Job(path, output / path.relative_to(given).with_suffix(suffix))
            for path in sorted(given.rglob("*"))
            if path.suffix.lower() in images.SUFFIXES
            and not path.is_dir()
            and not any(
                (folder / path.relative_to(given)).is_relative_to(other)
                for other in others
                if other != folder
            )
        ]
        jobs += found or [UserError(f"{given}: holds no {', '.join(images.SUFFIXES)} files")]
    if hints:
        jobs = _with_hints(jobs, hints, output)
    if seeds:
        jobs = [variant for job in jobs for variant in _variants(job, seeds)]
    return _without_collisions(jobs)


def _with_hints(
    jobs: Sequence[Job | UserError], hints: Path, output: Path
) -> list[Job | UserError]:
    if not hints.is_dir():
        if len(jobs) != 1:
            raise UserError(f"--hints {hints}: one file of hints is for one sketch")
        if not hints.exists():
            raise UserError(f"--hints {hints}: not there")
        return [job if isinstance(job, UserError) else job._replace(hints=hints) for job in jobs]
    found: list[Job | UserError] = []
    unused = {path for path in hints.rglob("*") if path.suffix.lower() in images.SUFFIXES}
    for job in jobs:
        if isinstance(job, Job):
            inside = job.output.is_relative_to(output) and job.output != output
            name = job.output.relative_to(output) if inside else Path(job.sketch.name)
            path = hints / name.with_suffix(".png")
            unused.discard(path)
            found.append(job._replace(hints=path) if path.exists() else job)
        else:
            found.append(job)
    if not any(job.hints for job in found if isinstance(job, Job)):
        raise UserError(f"--hints {hints}: holds no hints of these sketches, named as the outputs")
    return found + [
        UserError(f"{path}: hints of no sketch; they are to be named as its output, .png")
        for path in sorted(unused)
    ]


def _variants(job: Job | UserError, seeds: Sequence[int]) -> list[Job | UserError]:
    if isinstance(job, UserError):
        return [job]
    return [
        job._replace(output=job.output.with_stem(f"{job.output.stem}_{number}"), seed=seed)
        for number, seed in enumerate(seeds, start=1)
    ]


def _without_collisions(jobs: Iterable[Job | UserError]) -> list[Job | UserError]:
    jobs = list(jobs)
    inputs = {
        path.resolve()
        for job in jobs
        if isinstance(job, Job)
        for path in (job.sketch, job.hints)
        if path
    }
    taken: dict[Path, Path] = {}
    for i, job in enumerate(jobs):
        if isinstance(job, UserError):
            continue
        if job.output.resolve() in inputs:
            jobs[i] = UserError(f"{job.sketch}: its output {job.output} is a sketch, or hints")
        elif (place := job.output.resolve()) in taken:
            jobs[i] = UserError(f"{job.sketch}: its output is that of {taken[place]}")
        else:
            taken[place] = job.sketch
    return jobs


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
    palette: GivenPalette | None = None,
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
            sketch = images.read(job.sketch)
            size, hints = colorizer.image_size, None
            if job.hints:
                hints = fit_hints(images.read_rgba(job.hints), sketch.size, size, str(job.hints))
        except UserError as error:
            return error
        except OSError as error:
            return UserError(f"{job.output}: cannot be reached ({error.strerror or error})")
        return Sketch(job, sketch, compositing.reduce(sketch, size), hints)

    def write(colored: tuple[Sketch, np.ndarray]) -> Path | UserError:
        (job, sketch, square, _), color = colored
        try:
            job.output.parent.mkdir(parents=True, exist_ok=True)
            # Large pictures one at a time, for their memory.
            large = sketch.width * sketch.height > _LARGE_PICTURE
            turn = one_at_a_time if large else contextlib.nullcontext()
            if job.output.suffix.lower() == ".png":
                with turn:
                    picture = Image.fromarray(compositing.flat(sketch, square, color))
                images.write_png(picture, job.output)
            else:
                with turn:
                    layers = compositing.separate(sketch, square, color)
                artwork.write(layers, job.output)
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


def colorize_held_out(
    colorizer: Colorizer, workdir: Path, count: int, output: Path, overwrite: bool
) -> None:
    """Colours the first validation pairs of the run's own data, and lays them out beside the truth.

    Args:
        colorizer: the loaded generator.
        workdir: its run's.
        count: how many pairs.
        output: a folder, which gets held_out_0001.png and so on, and sheet.png.
        overwrite: whether existing files are replaced.

    Raises:
        UserError: the data is not there, or the folder cannot be written.
    """
    # TFDS is not needed to colour files.
    from s2c_jax import input_pipeline

    config = config_lib.load(workdir / "config.json")
    source = input_pipeline.open_split(
        config.dataset.name, config.image_size, "validation", config.dataset.data_dir
    )
    pairs = input_pipeline.read_pairs(source, range(count))
    colored = colorizer.colorize_squares(pairs["sketch"])
    pictures = {
        output / f"held_out_{i + 1:04d}.png": Image.fromarray(color)
        for i, color in enumerate(colored)
    }
    file = output / "sheet.png"
    pictures[file] = images.sheet(
        [pairs["sketch"], colored, pairs["color"]], ["sketch", "coloured", "truth"]
    )
    for path in pictures:
        if path.exists() and not overwrite:
            raise UserError(f"{path}: exists already; --overwrite replaces it")
    try:
        output.mkdir(parents=True, exist_ok=True)
        for path, picture in pictures.items():
            images.write_png(picture, path)
    except OSError as error:
        raise UserError(
            f"--output {output} cannot be written ({error.strerror or error})"
        ) from None
    print(f"{len(colored)} held-out drawings, sketch | coloured | truth: {file}")


def _palette(colors: str | None, picture: Path | None) -> GivenPalette | None:
    """Reads --palette or --palette-from.

    Raises:
        UserError: it is no palette, or a file of none.
    """
    if picture:
        return palette_lib.read(picture)
    if colors and colors.lower().endswith(".json"):
        return palette_lib.read(Path(colors))
    return palette_lib.from_colors(colors) if colors is not None else None


def main(arguments: Sequence[str] | None = None) -> None:
    """Reads the flags and colours.

    Args:
        arguments: the command line behind the program's name; None is the process's own.
    """
    parser = argparse.ArgumentParser("python -m s2c_jax.colorize", description=__doc__)
    parser.add_argument("sketches", nargs="*", type=Path, metavar="SKETCH_OR_FOLDER",
                        help="PNG, JPEG or WebP files, or folders of them")  # fmt: skip
    parser.add_argument("--workdir", type=Path, required=True, help="of the training run")
    parser.add_argument("--output", type=Path, required=True,
                        help="a folder, or a file for a single sketch")  # fmt: skip
    parser.add_argument("--format", choices=[suffix[1:] for suffix in artwork.SUFFIXES],
                        help="what files in a folder are: png (the default), or with lines, colour "
                        "and paper as layers ora (OpenRaster) or psd (Photoshop)")  # fmt: skip
    parser.add_argument("--step", type=step_argument, default="last",
                        help="which checkpoint: its step, last (the default) or best")  # fmt: skip
    parser.add_argument("--hints", type=Path,
                        help="colours where you want them: a picture of the sketch's size, "
                        "transparent where nothing is said, or a folder of them, "
                        "named as the outputs")  # fmt: skip
    colors = parser.add_mutually_exclusive_group()
    colors.add_argument("--palette", metavar="COLORS",
                        help='up to four colours to use, "#fcea2b,#ea5a47", or a colorgram file '
                        "(.json)")  # fmt: skip
    colors.add_argument("--palette-from", type=Path, metavar="PICTURE",
                        help="use the main colours of a picture")  # fmt: skip
    parser.add_argument("--variants", type=int, default=0, metavar="N",
                        help="N colourings of each sketch, NAME_1.png and so on: with palettes "
                        "drawn for them, if the run takes them and none is given, and by dropout, "
                        "which changes little")  # fmt: skip
    parser.add_argument("--seed", type=int, default=0,
                        help="where the variants come from: the same ones for the same "
                        "seed")  # fmt: skip
    parser.add_argument("--backend", choices=get_args(Backend), default="jax",
                        help="what computes: jax, or onnxruntime, which on CPUs is faster with a "
                        "single sketch, not with many large ones")  # fmt: skip
    parser.add_argument("--overwrite", action="store_true", help="replace existing outputs")
    parser.add_argument("--held_out", type=int, default=0, metavar="N",
                        help="colour the first N validation pairs of the run's data set instead, "
                        "beside the truth")  # fmt: skip
    flags = parser.parse_args(arguments)
    if flags.held_out < 0 or bool(flags.sketches) == bool(flags.held_out):
        parser.error("give either sketches or --held_out N")
    is_file = flags.output.suffix.lower() in artwork.SUFFIXES and not flags.output.is_dir()
    if flags.format and is_file and flags.output.suffix.lower() != f".{flags.format}":
        parser.error(f"--output {flags.output} is no .{flags.format} file")
    if min(flags.variants, flags.seed) < 0:
        parser.error("--variants and --seed must not be negative")
    guided = flags.hints or flags.palette or flags.palette_from or flags.variants or flags.format
    if flags.held_out and guided:
        parser.error("--held_out takes no hints, palette, variants or format")
    # A file's name may be bytes that no text is.
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    failed = 0
    runtime.prepare()
    try:
        colorizer = Colorizer(flags.workdir, flags.step, flags.backend)
        print(f"{flags.workdir}, step {colorizer.step}: {colorizer.image_size} px")
        if flags.held_out:
            colorize_held_out(
                colorizer, flags.workdir, flags.held_out, flags.output, flags.overwrite
            )
        else:
            for suffix in {flags.output.suffix.lower(), f".{flags.format}"}:
                artwork.require(suffix)
            palette = _palette(flags.palette, flags.palette_from)
            colorizer.require(hints=flags.hints is not None, palette=palette is not None)
            try:
                jobs = find_jobs(
                    flags.sketches,
                    flags.output,
                    f".{flags.format or 'png'}",
                    flags.hints,
                    np.random.SeedSequence(flags.seed).generate_state(flags.variants).tolist(),
                )
            except OSError as error:
                raise UserError(f"{error.filename}: {error.strerror}") from None
            _, failed = colorize_files(colorizer, jobs, flags.overwrite, palette)
    except UserError as error:
        sys.exit(f"s2c_jax: {error}")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
