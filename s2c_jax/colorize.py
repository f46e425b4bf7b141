"""Colours sketches with a trained generator.

python -m s2c_jax.colorize --workdir runs/openmoji sketch.png folder/ --output colored/
python -m s2c_jax.colorize --workdir runs/openmoji --held_out 24 --output colored/
"""

import argparse
import collections
import io
import itertools
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple, TypeVar

import jax
import numpy as np
from jaxtyping import PyTree, UInt8
from PIL import Image

from s2c_jax import checkpoint, images, runtime
from s2c_jax import config as config_lib
from s2c_jax.errors import UserError
from s2c_jax.inference import batch_size, everywhere, make_generate
from s2c_jax.models.generator import Generator

Item = TypeVar("Item")
Result = TypeVar("Result")


class Colorizer:
    """A run's generator, loaded once, to colour many sketches.

    All of this process's devices share the work. The same sketch gives the same picture whatever
    else is coloured with it.

    Attributes:
        image_size: the side of the square that the network sees, in pixels.
        step: the checkpoint's step.
    """

    def __init__(self, workdir: str | Path, step: int | str = "last") -> None:
        """Loads a checkpoint.

        Args:
            workdir: the run's.
            step: which checkpoint: its step, "last" or "best" (see `checkpoint.find`).

        Raises:
            UserError: there is no such run or checkpoint.
        """
        self._workdir = Path(workdir)
        config = config_lib.load(self._workdir / "config.json")
        generator = Generator(**config.generator)
        self.image_size = config.image_size
        self._averaged = config.optimizer.ema_decay > 0
        picture = jax.ShapeDtypeStruct((1, self.image_size, self.image_size, 3), np.float32)
        self._shapes: PyTree = jax.eval_shape(
            lambda key, sketch: generator.init(key, sketch, train=False), jax.random.key(0), picture
        )
        self._generate = make_generate(generator)
        self.load(step)

    def load(self, step: int | str) -> None:
        """Takes another checkpoint of the same run; nothing is compiled anew.

        Args:
            step: as above.

        Raises:
            UserError: there is no such checkpoint.
        """
        self.step, variables = checkpoint.restore_generator(
            self._workdir, self._shapes, step, averaged=self._averaged
        )
        self._variables = jax.device_put(variables, everywhere())

    def __call__(self, sketches: Sequence[Image.Image]) -> list[Image.Image]:
        """Colours sketches.

        Args:
            sketches: pictures of any mode and size; each is fitted to the network's square.

        Returns:
            The colour pictures, RGB, each in its sketch's size.
        """
        if not sketches:
            return []
        fitted = np.stack(
            [
                np.asarray(images.fit_square(images.to_rgb(sketch), self.image_size))
                for sketch in sketches
            ]
        )
        return [
            images.unfit_square(Image.fromarray(color), sketch.size)
            for color, sketch in zip(self.colorize_squares(fitted), sketches, strict=True)
        ]

    def colorize_squares(
        self, sketches: UInt8[np.ndarray, "batch size size 3"]
    ) -> UInt8[np.ndarray, "batch size size 3"]:
        """Colours sketches that have the network's size already."""
        return self._generate(self._variables, sketches)


class Job(NamedTuple):
    """A sketch file and where its colour picture goes."""

    sketch: Path
    output: Path


def find_jobs(sketches: Iterable[Path], output: Path) -> list[Job | UserError]:
    """Finds the sketches to colour and names their outputs.

    Args:
        sketches: files, and folders that are searched with their subfolders.
        output: a folder, which gets NAME.png for each file, below it a folder's own structure; or
            a file ending in .png if `sketches` is one file. Pictures in it are no sketches.

    Returns:
        Jobs, and an error for each sketch that is not there or whose output would replace a
        sketch or another one's output.
    """
    sketches = list(sketches)
    single = len(sketches) == 1 and output.suffix.lower() == ".png" and not output.is_dir()
    jobs: list[Job | UserError] = []
    for given in sketches:
        if not given.is_dir():
            target = output if single else output / given.with_suffix(".png").name
            jobs.append(Job(given, target) if given.exists() else UserError(f"{given}: not there"))
            continue
        folder, target = given.resolve(), output.resolve()
        found = [
            Job(path, output / path.relative_to(given).with_suffix(".png"))
            for path in sorted(given.rglob("*"))
            if path.suffix.lower() in images.SUFFIXES
            and not path.is_dir()
            and (folder == target or not (folder / path.relative_to(given)).is_relative_to(target))
        ]
        jobs += found or [UserError(f"{given}: holds no {', '.join(images.SUFFIXES)} files")]

    inputs = {job.sketch.resolve() for job in jobs if isinstance(job, Job)}
    taken: dict[Path, Path] = {}
    for i, job in enumerate(jobs):
        if isinstance(job, UserError):
            continue
        if job.output.resolve() in inputs:
            jobs[i] = UserError(f"{job.sketch}: its output {job.output} is a sketch")
        elif (place := job.output.resolve()) in taken:
            jobs[i] = UserError(f"{job.sketch}: its output is that of {taken[place]}")
        else:
            taken[place] = job.sketch
    return jobs


class Sketch(NamedTuple):
    """A sketch that was read.

    Attributes:
        job: where it is from and goes to.
        size: its width and height.
        square: it, fitted to the network's square.
    """

    job: Job
    size: tuple[int, int]
    square: UInt8[np.ndarray, "size size 3"]


def colorize_files(
    colorizer: Colorizer, jobs: Iterable[Job | UserError], overwrite: bool
) -> tuple[int, int]:
    """Colours files, and names those that could not be on standard error.

    While a batch is coloured, the next sketches are read and the last pictures written. However
    many there are, memory holds a few batches.

    Args:
        colorizer: the loaded generator.
        jobs: from `find_jobs`.
        overwrite: whether existing outputs are replaced.

    Returns:
        How many were coloured and how many failed.
    """
    written = failed = 0

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
            sketch = images.to_rgb(images.read(job.sketch))
        except UserError as error:
            return error
        except OSError as error:
            return UserError(f"{job.output}: cannot be reached ({error.strerror or error})")
        return Sketch(job, sketch.size, np.asarray(images.fit_square(sketch, colorizer.image_size)))

    def write(colored: tuple[Sketch, np.ndarray]) -> Path | UserError:
        (job, size, _), color = colored
        try:
            job.output.parent.mkdir(parents=True, exist_ok=True)
            images.write_png(images.unfit_square(Image.fromarray(color), size), job.output)
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
            yield from zip(batch, colorizer.colorize_squares(squares), strict=True)

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


def step_argument(text: str) -> int | str:
    """Reads --step: a number, "last" or "best"."""
    if text in ("last", "best"):
        return text
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no step, last or best") from None


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
                        help="a folder, or a .png file for a single sketch")  # fmt: skip
    parser.add_argument("--step", type=step_argument, default="last",
                        help="which checkpoint: its step, last (the default) or best")  # fmt: skip
    parser.add_argument("--overwrite", action="store_true", help="replace existing outputs")
    parser.add_argument("--held_out", type=int, default=0, metavar="N",
                        help="colour the first N validation pairs of the run's data set instead, "
                        "beside the truth")  # fmt: skip
    flags = parser.parse_args(arguments)
    if flags.held_out < 0 or bool(flags.sketches) == bool(flags.held_out):
        parser.error("give either sketches or --held_out N")
    # A file's name may be bytes that no text is.
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    failed = 0
    runtime.prepare()
    try:
        colorizer = Colorizer(flags.workdir, flags.step)
        print(f"{flags.workdir}, step {colorizer.step}: {colorizer.image_size} px")
        if flags.held_out:
            colorize_held_out(
                colorizer, flags.workdir, flags.held_out, flags.output, flags.overwrite
            )
        else:
            try:
                jobs = find_jobs(flags.sketches, flags.output)
            except OSError as error:
                raise UserError(f"{error.filename}: {error.strerror}") from None
            _, failed = colorize_files(colorizer, jobs, flags.overwrite)
    except UserError as error:
        sys.exit(f"s2c_jax: {error}")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
