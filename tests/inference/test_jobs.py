"""Which files are coloured, and where the results go."""

from pathlib import Path

import pytest

from s2c_jax.errors import UserError
from s2c_jax.inference.jobs import Job, find_jobs, is_output_file


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The current folder, with empty files: jobs are found by name."""
    monkeypatch.chdir(tmp_path)
    for name in ("one.png", "in/two.webp", "in/deep/three.JPG", "in/notes.txt"):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).touch()
    return tmp_path


def jobs_and_errors(*arguments, **keywords):
    found = find_jobs(*arguments, **keywords)
    jobs = [job for job in found if isinstance(job, Job)]
    return jobs, [str(error) for error in found if isinstance(error, UserError)]


def test_outputs_keep_the_folders_structure(folder):
    found = find_jobs([Path("one.png"), Path("in")], Path("out"), ".ora")
    assert found == [
        Job(Path("one.png"), Path("out/one.ora")),
        Job(Path("in/deep/three.JPG"), Path("out/deep/three.ora")),
        Job(Path("in/two.webp"), Path("out/two.ora")),
    ]


def test_output_of_a_single_sketch_may_be_a_file(folder):
    assert find_jobs([Path("one.png")], Path("c.psd")) == [Job(Path("one.png"), Path("c.psd"))]


def test_output_is_a_folder_if_there_are_several_sketches(folder):
    jobs, _ = jobs_and_errors([Path("one.png"), Path("in/two.webp")], Path("c.png"))
    assert [job.output for job in jobs] == [Path("c.png/one.png"), Path("c.png/two.png")]


def test_missing_sketches_and_empty_folders_are_errors(folder):
    Path("empty").mkdir()
    jobs, errors = jobs_and_errors([Path("none.png"), Path("empty"), Path("one.png")], Path("out"))
    assert len(jobs) == 1
    assert errors == [
        "none.png: there is no such file",
        "empty: holds no .png, .jpg, .jpeg, .webp files",
    ]


def test_pictures_in_the_output_and_in_the_hints_are_not_sketches(folder):
    for name in ("in/out/old.png", "in/hints/two.png"):
        Path(name).parent.mkdir()
        Path(name).touch()
    jobs, errors = jobs_and_errors([Path("in")], Path("in/out"), hints=Path("in/hints"))
    assert [job.sketch.name for job in jobs] == ["three.JPG", "two.webp"]
    assert [job.hints for job in jobs] == [None, Path("in/hints/two.png")]
    assert not errors


def test_hints_without_a_sketch_are_errors(folder):
    Path("hints").mkdir()
    for name in ("one.png", "typo.png"):
        Path("hints", name).touch()
    jobs, errors = jobs_and_errors([Path("one.png")], Path("out"), hints=Path("hints"))
    assert [job.hints for job in jobs] == [Path("hints/one.png")]
    assert len(errors) == 1
    assert errors[0].startswith("hints/typo.png: hints of no sketch")


@pytest.mark.parametrize(
    ("sketches", "hints", "message"),
    [
        (["one.png"], "none.png", "none.png: there is no such file"),
        (["one.png", "in/two.webp"], "one.png", "one file of hints is for one sketch"),
        (["one.png"], "in", "holds no hints of these sketches"),
    ],
)
def test_hints_that_fit_no_sketch_are_refused(folder, sketches, hints, message):
    with pytest.raises(UserError, match=message):
        find_jobs(map(Path, sketches), Path("out"), hints=Path(hints))


def test_variants_are_numbered_and_have_their_seeds(folder):
    jobs, _ = jobs_and_errors([Path("one.png")], Path("out"), seeds=[7, 8])
    assert [(job.output.name, job.seed) for job in jobs] == [("one_1.png", 7), ("one_2.png", 8)]


def test_no_output_replaces_an_input_or_another_output(folder):
    Path("one.jpg").touch()
    sketches = [Path("one.png"), Path("one.jpg"), Path("in/two.webp")]
    jobs, errors = jobs_and_errors(sketches, Path("out"))
    assert [job.output.name for job in jobs] == ["one.png", "two.png"]
    assert errors == ["one.jpg: its output out/one.png is that of one.png"]
    jobs, errors = jobs_and_errors(sketches, Path(), hints=None)
    assert [job.output.name for job in jobs] == ["two.png"]
    assert [error.partition(":")[0] for error in errors] == ["one.png", "one.jpg"]
    assert all("is a sketch, or hints" in error for error in errors)


@pytest.mark.parametrize(
    ("output", "is_file"), [("new.ORA", True), ("one.png", True), ("new.jpg", False), ("in", False)]
)
def test_output_is_a_file_if_a_format_has_its_suffix(folder, output, is_file):
    assert is_output_file(Path(output)) is is_file


def test_folder_with_a_formats_suffix_is_no_output_file(folder):
    Path("folder.png").mkdir()
    assert not is_output_file(Path("folder.png"))
