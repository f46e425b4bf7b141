"""Finds the files to colour and names the file for each result."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from s2c_jax.drawing import image_files, layered_files
from s2c_jax.errors import UserError


class Job(NamedTuple):
    """A sketch's file, the file to write, the file of hints, and the seed of a variant."""

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
        sketches: files, and folders that are searched with their subfolders. Pictures inside
            `output` or `hints` are not taken for sketches.
        output: a folder, in which an output has its sketch's name (and subfolder) and `suffix`; or,
            if `sketches` is a single file, a file with one of `layered_files.SUFFIXES`.
        suffix: the format of the outputs in a folder.
        hints: a file of hints, if there is one sketch; or a folder, in which hints have the names
            of the outputs and the suffix .png. A sketch without a file there has no hints.
        seeds: the seed of each variant of a sketch. The outputs of variants are NAME_1, NAME_2 and
            so on. No seeds means no variants.

    Returns:
        Jobs, and an error for: each sketch that does not exist, each folder without pictures, each
        output that would replace a sketch, hints or another output, and each file of hints that
        belongs to no sketch.

    Raises:
        UserError: no hints were found, or one file of hints was given for several sketches.
    """
    sketches = list(sketches)
    single_output = len(sketches) == 1 and is_output_file(output)
    excluded = [folder.resolve() for folder in (output, hints) if folder]
    jobs: list[Job | UserError] = []
    for sketch in sketches:
        if sketch.is_dir():
            jobs += _jobs_in_folder(sketch, output, suffix, excluded)
        elif sketch.exists():
            target = output if single_output else output / sketch.with_suffix(suffix).name
            jobs.append(Job(sketch, target))
        else:
            jobs.append(UserError(f"{sketch}: there is no such file"))
    if hints and hints.is_dir():
        jobs = _with_hints_of_folder(jobs, hints, output)
    elif hints:
        if len(jobs) != 1:
            raise UserError(f"{hints}: one file of hints is for one sketch")
        if not hints.exists():
            raise UserError(f"{hints}: there is no such file")
        jobs = [job if isinstance(job, UserError) else job._replace(hints=hints) for job in jobs]
    if seeds:
        jobs = [variant for job in jobs for variant in _variants(job, seeds)]
    return _without_collisions(jobs)


def is_output_file(path: Path) -> bool:
    """Returns whether an output is a file for one sketch, by its suffix, and not a folder."""
    return path.suffix.lower() in layered_files.SUFFIXES and not path.is_dir()


def _jobs_in_folder(
    folder: Path, output: Path, suffix: str, excluded: Sequence[Path]
) -> Sequence[Job | UserError]:
    """Returns a job for each picture of a folder that is not inside one of the excluded folders."""
    root = folder.resolve()
    # The folder itself is searched, even if the outputs or the hints are in it as well.
    excluded = [other for other in excluded if other != root]
    relative_paths = (path.relative_to(folder) for path in sorted(folder.rglob("*")))
    jobs = [
        Job(folder / path, output / path.with_suffix(suffix))
        for path in relative_paths
        if path.suffix.lower() in image_files.SUFFIXES
        and not (folder / path).is_dir()
        and not any((root / path).is_relative_to(other) for other in excluded)
    ]
    return jobs or [UserError(f"{folder}: holds no {', '.join(image_files.SUFFIXES)} files")]


def _with_hints_of_folder(
    jobs: Sequence[Job | UserError], hints: Path, output: Path
) -> list[Job | UserError]:
    """Gives each job the hints with its output's name, and adds an error for each unused file."""
    unused = {path for path in hints.rglob("*") if path.suffix.lower() in image_files.SUFFIXES}
    with_hints: list[Job | UserError] = []
    for job in jobs:
        if isinstance(job, Job):
            path = hints / _hints_name(job, output)
            unused.discard(path)
            job = job._replace(hints=path) if path.exists() else job
        with_hints.append(job)
    if not any(job.hints for job in with_hints if isinstance(job, Job)):
        raise UserError(
            f"{hints}: holds no hints of these sketches; name hints as the outputs, with .png"
        )
    return with_hints + [
        UserError(f"{path}: hints of no sketch; name hints as the sketch's output, with .png")
        for path in sorted(unused)
    ]


def _hints_name(job: Job, output: Path) -> Path:
    """Returns the path of a job's hints, relative to the folder of hints."""
    is_in_folder = job.output.is_relative_to(output) and job.output != output
    name = job.output.relative_to(output) if is_in_folder else Path(job.sketch.name)
    return name.with_suffix(".png")


def _variants(job: Job | UserError, seeds: Sequence[int]) -> list[Job | UserError]:
    """Returns a job for each variant, or the error."""
    if isinstance(job, UserError):
        return [job]
    return [
        job._replace(output=job.output.with_stem(f"{job.output.stem}_{number}"), seed=seed)
        for number, seed in enumerate(seeds, start=1)
    ]


def _without_collisions(jobs: list[Job | UserError]) -> list[Job | UserError]:
    """Replaces each job whose output is an input or an earlier job's output by an error."""
    found = [job for job in jobs if isinstance(job, Job)]
    inputs = {path.resolve() for job in found for path in (job.sketch, job.hints) if path}
    sketch_of_output: dict[Path, Path] = {}
    for i, job in enumerate(jobs):
        if isinstance(job, UserError):
            continue
        output = job.output.resolve()
        message = f"{job.sketch}: its output {job.output} is"
        if output in inputs:
            jobs[i] = UserError(f"{message} a sketch, or hints")
        elif output in sketch_of_output:
            jobs[i] = UserError(f"{message} that of {sketch_of_output[output]}")
        else:
            sketch_of_output[output] = job.sketch
    return jobs
