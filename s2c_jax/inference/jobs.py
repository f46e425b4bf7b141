"""Which files are to be coloured, and where each result goes."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from s2c_jax.drawing import image_files, layered_files
from s2c_jax.errors import UserError


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
    is_file = output.suffix.lower() in layered_files.SUFFIXES and not output.is_dir()
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
            if path.suffix.lower() in image_files.SUFFIXES
            and not path.is_dir()
            and not any(
                (folder / path.relative_to(given)).is_relative_to(other)
                for other in others
                if other != folder
            )
        ]
        jobs += found or [UserError(f"{given}: holds no {', '.join(image_files.SUFFIXES)} files")]
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
    unused = {path for path in hints.rglob("*") if path.suffix.lower() in image_files.SUFFIXES}
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
