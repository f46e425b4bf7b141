"""Colouring many files: one bad file among good ones, bounded memory, variants, formats."""

import zipfile

import numpy as np
import pytest
from PIL import Image

from s2c_jax.drawing import palette
from s2c_jax.errors import UserError
from s2c_jax.inference import batches
from s2c_jax.inference.batches import colorize_files
from s2c_jax.inference.batching import batch_size
from s2c_jax.inference.jobs import Job
from tests.support.sketches import half_painted_hints, noise_sketch


def test_bad_files_are_printed_and_the_rest_is_coloured(colorizer, tmp_path, capsys):
    noise_sketch().save(tmp_path / "good.png")
    (tmp_path / "text.png").write_text("no picture")
    (tmp_path / "file").touch()
    out = tmp_path / "out"
    jobs = [
        UserError("none.png: there is no such file"),
        Job(tmp_path / "text.png", out / "text.png"),
        Job(tmp_path / "good.png", out / "good.png"),
        Job(tmp_path / "good.png", tmp_path / "file/good.png"),
    ]
    assert colorize_files(colorizer, jobs, overwrite=False) == (1, 3)
    printed = capsys.readouterr()
    assert printed.out.splitlines()[0] == str(out / "good.png")
    assert "1 coloured, 3 failed" in printed.out
    first, second, third = printed.err.splitlines()
    assert first == "s2c_jax: none.png: there is no such file"
    assert "text.png: not a PNG, JPEG or WebP picture" in second
    assert "file/good.png: cannot be " in third
    assert [path.name for path in out.iterdir()] == ["good.png"]


def test_files_get_the_same_pictures_as_a_call(guided_colorizer, tmp_path):
    """More files than a batch holds, with hints for some, variants' seeds and a palette."""
    count = batch_size() + 3
    half_painted_hints().save(tmp_path / "hints.png")
    jobs, hints = [], []
    for i in range(count):
        noise_sketch(seed=i).save(tmp_path / f"{i}.png")
        painted = tmp_path / "hints.png" if i % 3 == 0 else None
        jobs.append(Job(tmp_path / f"{i}.png", tmp_path / f"out/{i}.png", painted, seed=i))
        hints.append(half_painted_hints() if painted else None)
    colors = palette.from_colors("gold")
    assert colorize_files(guided_colorizer, jobs, False, colors) == (count, 0)
    sketches = [noise_sketch(seed=i) for i in range(count)]
    expected = guided_colorizer(sketches, hints, [colors] * count, list(range(count)))
    for job, picture in zip(jobs, expected):
        with Image.open(job.output) as written:
            np.testing.assert_array_equal(np.asarray(written), np.asarray(picture))


def test_jobs_are_taken_a_bounded_number_ahead(colorizer, tmp_path, monkeypatch):
    """At most five batches, here of two jobs: two are read ahead, one is coloured, two are written.

    The job that `write` counts is one of them.
    """
    monkeypatch.setattr(batches, "batch_size", lambda: 2)
    taken, written = [], []

    def write(_, colored):
        written.append(colored)
        assert len(taken) - len(written) < 5 * 2
        return tmp_path

    monkeypatch.setattr(batches, "_write", write)
    noise_sketch().save(tmp_path / "a.png")

    def jobs():
        for i in range(40):
            taken.append(i)
            yield Job(tmp_path / "a.png", tmp_path / f"out/{i}.png")

    colorize_files(colorizer, jobs(), overwrite=False)
    assert len(written) == 40


@pytest.mark.parametrize("large", [1, 10**9])
def test_large_pictures_are_written_as_small_ones(colorizer, tmp_path, monkeypatch, large):
    """Every picture counts as large, or none."""
    monkeypatch.setattr(batches, "_LARGE_PICTURE", large)
    noise_sketch().save(tmp_path / "a.png")
    jobs = [Job(tmp_path / "a.png", tmp_path / f"out/a{suffix}") for suffix in (".png", ".ora")]
    assert colorize_files(colorizer, jobs, overwrite=False) == (2, 0)
    (expected,) = colorizer([noise_sketch()])
    with Image.open(tmp_path / "out/a.png") as written:
        np.testing.assert_array_equal(np.asarray(written), np.asarray(expected))
    with zipfile.ZipFile(tmp_path / "out/a.ora") as archive:
        assert archive.read("mimetype") == b"image/openraster"
