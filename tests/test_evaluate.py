"""Evaluation: its files, its baselines, and that its numbers do not depend on anything else."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy
from PIL import Image

from s2c_jax import evaluate
from s2c_jax.datasets import input_pipeline, pairs
from s2c_jax.evaluation import baselines, frechet, metrics, scoring
from s2c_jax.pretrained import inception
from s2c_jax.training.loop import train_and_evaluate
from tests.support.configs import make_small_config
from tests.support.inception import random_tensors
from tests.support.lpips import linear_tensors, vgg_tensors
from tests.support.tensorboard import scalars


@pytest.fixture(scope="module")
def workdir(tmp_path_factory, data_dir):
    path = tmp_path_factory.mktemp("run")
    train_and_evaluate(make_small_config(data_dir), path)
    return path


@pytest.fixture(scope="module")
def validation(data_dir):
    return input_pipeline.open_split("openmoji_sketch", 64, "validation", data_dir)


def run(workdir, *arguments):
    evaluate.main(["--workdir", str(workdir), *map(str, arguments)])
    return json.loads((workdir / "evaluation" / "metrics.json").read_text())


def saved_steps(workdir):
    folders = (workdir / "checkpoints").iterdir()
    return sorted(int(folder.name) for folder in folders if folder.name.isdigit())


def test_every_checkpoint_has_a_row_a_sheet_and_scalars(workdir, validation, capsys):
    found = run(workdir, "--all")
    steps = saved_steps(workdir)
    assert list(found["checkpoints"]) == [str(step) for step in steps]
    assert list(found["baselines"]) == ["the sketch itself", "the mean colour"]
    assert (found["dataset"], found["pairs"]) == ("openmoji_sketch/64", len(validation))
    table = (workdir / "evaluation" / "metrics.md").read_text()
    assert table in capsys.readouterr().out
    *rows, _, legend = table.splitlines()
    assert len(rows) == 2 + 2 + len(steps)
    assert len({len(row) for row in rows}) == 1
    assert legend.startswith("PSNR and SSIM are better the higher")
    for step in steps:
        values = found["checkpoints"][str(step)]
        assert f" {values['ciede2000']:.4f} |" in table
        assert np.asarray(Image.open(workdir / "evaluation" / f"step_{step}.png")).std() > 10
    written = scalars(workdir / "evaluation")
    for name in values:
        assert [step for step, _ in written[f"evaluation/{name}"]] == steps
        np.testing.assert_allclose(written[f"evaluation/{name}"][-1][1], values[name], rtol=1e-5)


def test_the_last_checkpoint_is_the_default_and_another_can_be_named(workdir):
    first, last = saved_steps(workdir)
    assert list(run(workdir)["checkpoints"]) == [str(last)]
    assert list(run(workdir, "--step", first)["checkpoints"]) == [str(first)]
    saved = {
        step: json.loads((workdir / "checkpoints" / str(step) / "metrics" / "metrics").read_text())
        for step in (first, last)
    }
    (best,) = run(workdir, "--step", "best")["checkpoints"]
    assert int(best) == min(saved, key=lambda step: saved[step]["ciede2000"])
    # What the earlier calls wrote to TensorBoard is gone.
    assert [step for step, _ in scalars(workdir / "evaluation")["evaluation/mae"]] == [int(best)]


def test_one_device_and_eight_give_the_same_digits(workdir):
    """This process has eight devices, the command one."""
    here = run(workdir)
    done = subprocess.run(
        [sys.executable, "-m", "s2c_jax.evaluate", "--workdir", str(workdir)],
        cwd=Path(__file__).parents[1],
        env={"PATH": "", "JAX_PLATFORMS": "cpu"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads((workdir / "evaluation" / "metrics.json").read_text()) == here


def test_training_measures_the_same(workdir):
    """What a checkpoint's metrics say is what evaluating it gives, on as many pairs."""
    last = saved_steps(workdir)[-1]
    saved = json.loads((workdir / "checkpoints" / str(last) / "metrics" / "metrics").read_text())
    assert run(workdir, "--num_pairs", 4)["checkpoints"][str(last)] == saved


def test_the_sketch_itself_is_measured_as_a_colouring(workdir, validation):
    pairs = input_pipeline.read_pairs(validation, range(len(validation)))
    expected = np.abs(pairs["sketch"].astype(float) - pairs["color"]).mean() / 127.5
    sketch = run(workdir)["baselines"]["the sketch itself"]
    np.testing.assert_allclose(sketch["mae"], expected)
    assert sketch["colorfulness"] == sketch["leakage"] == sketch["line_loss"] == 0


def test_without_colour_there_is_no_best_and_no_sheet(workdir, validation, monkeypatch):
    """Where every truth is its sketch nothing can be compared, and nothing claims to be perfect."""
    read = input_pipeline.read_pairs

    def without_color(source, indices):
        pairs = read(source, indices)
        return {**pairs, "color": pairs["sketch"]}

    monkeypatch.setattr(input_pipeline, "read_pairs", without_color)
    scores = scoring.score(lambda sketches: sketches, validation, len(validation))
    assert "ciede2000" not in scores.metrics
    assert scores.metrics["mae"] == 0
    assert scores.ranking == []
    (found,) = run(workdir)["checkpoints"].values()
    assert "ciede2000" not in found
    assert "CIEDE2000" not in (workdir / "evaluation" / "metrics.md").read_text()


def encoded(sketch, color):
    return pairs.encode(sketch=Image.fromarray(sketch), color=Image.fromarray(color))


def test_the_mean_colour_is_painted_under_the_lines_of_what_they_enclose():
    sketch = np.full((16, 16, 3), 255, np.uint8)
    sketch[4, 4:12] = sketch[11, 4:12] = sketch[4:12, 4] = sketch[4:12, 11] = 0
    sources = []
    for color in ((200, 100, 0), (100, 50, 0)):
        truth = sketch.copy()
        truth[5:11, 5:11] = color
        sources.append(encoded(sketch, truth))
    mean = baselines.mean_color(sources)
    np.testing.assert_allclose(mean, (150, 75, 0))
    (filled,) = baselines.fill_inside_lines(mean, sketch[None])
    assert (filled[5:11, 5:11] == (150, 75, 0)).all()
    assert (filled[4, 4:12] == 0).all()
    assert (filled[:4] == 255).all()
    assert (baselines.mean_color([encoded(sketch, sketch)]) == 255).all()


def test_pairs_are_read_a_chunk_at_a_time(validation, monkeypatch):
    read, sizes = input_pipeline.read_pairs, []

    def counted(source, indices):
        sizes.append(len(indices))
        return read(source, indices)

    monkeypatch.setattr(input_pipeline, "read_pairs", counted)
    source = [validation[0]] * (2 * scoring.CHUNK + 1)
    scoring.score(lambda sketches: sketches, source, len(source))
    assert sizes == [scoring.CHUNK, scoring.CHUNK, 1]


def test_pictures_are_ranked_by_their_own_difference_where_there_is_colour(validation):
    """Paler and paler copies of a pair, and one whose truth has no colour."""
    pair = input_pipeline.read_pairs(validation, [0])
    sketch, color = pair["sketch"][0], pair["color"][0]
    source = [encoded(sketch, sketch), *3 * [encoded(sketch, color)]]
    truth = pair["color"].astype(float)
    pale = iter([truth, truth * 0.5 + 127.5, truth, truth * 0.8 + 51])

    def colorize(sketches):
        return np.concatenate([next(pale).round().astype(np.uint8) for _ in sketches])

    assert scoring.score(colorize, source, 4).ranking == [2, 3, 1]


def test_a_metric_of_many_is_of_all_their_pixels():
    one, other = {"share": metrics.Ratio(1.0, 2.0)}, {"share": metrics.Ratio(3.0, 6.0)}
    assert metrics.add(metrics.add({}, one), other) == {"share": metrics.Ratio(4.0, 8.0)}


def test_the_networks_metrics_stand_with_the_others(validation):
    """Stand-ins whose answer is known: the mean level, and a difference of mean levels."""

    def level(pictures):
        levels = pictures.mean(axis=(1, 2, 3))
        return np.pad(levels[:, None], ((0, 0), (0, inception.FEATURES - 1)))

    count = len(validation)
    pairs = input_pipeline.read_pairs(validation, range(count))
    true, grey = (pairs[key].mean(axis=(1, 2, 3)) for key in ("color", "sketch"))
    features = np.zeros((count, inception.FEATURES))
    features[:, 0] = true
    networks = scoring.Networks(
        lambda a, b: np.abs(level(a) - level(b))[:, 0],
        level,
        frechet.gaussian(frechet.add(frechet.empty_sums(inception.FEATURES), features)),
    )
    found = scoring.score(lambda sketches: sketches, validation, count, networks).metrics
    np.testing.assert_allclose(found["lpips"], np.abs(true - grey).mean(), rtol=1e-5)
    shift, spread = grey.mean() - true.mean(), grey.std(ddof=1) - true.std(ddof=1)
    np.testing.assert_allclose(found["fid"], shift**2 + spread**2, rtol=1e-4)


def test_lpips_and_fid_need_their_files(workdir, tmp_path):
    """Random weights of the right shapes."""
    vgg, linear, network = (tmp_path / name for name in ("vgg", "linear", "inception"))
    for path, tensors in (
        (vgg, vgg_tensors()),
        (linear, linear_tensors()),
        (network, random_tensors()),
    ):
        safetensors.numpy.save_file(tensors, path)
    arguments = ["--lpips_vgg", vgg, "--lpips_linear", linear, "--inception", network]
    found = run(workdir, "--num_pairs", 2, *arguments)
    for values in [*found["baselines"].values(), *found["checkpoints"].values()]:
        assert values["lpips"] > 0
        assert values["fid"] > 0
    assert "LPIPS" in (workdir / "evaluation" / "metrics.md").read_text()
    with pytest.raises(SystemExit, match="LPIPS needs both files"):
        run(workdir, "--lpips_vgg", vgg)
    with pytest.raises(SystemExit, match="--inception: there is no file"):
        run(workdir, "--inception", tmp_path / "none")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--workdir", "{tmp}/none"], "config.json cannot be read"),
        (["--workdir", "{run}", "--step", "7"], "has no checkpoint 7; it has"),
        (["--workdir", "{blocked}"], "evaluation cannot be written"),
        (["--workdir", "{run}", "--data_dir", "{tmp}"], "is not prepared in {tmp}"),
    ],
)
def test_a_mistake_gets_one_line(workdir, tmp_path, arguments, message):
    blocked = tmp_path / "blocked"
    blocked.mkdir()
    (blocked / "config.json").write_bytes((workdir / "config.json").read_bytes())
    (blocked / "checkpoints").symlink_to(workdir / "checkpoints")
    (blocked / "evaluation").write_text("")
    arguments = [a.format(tmp=tmp_path, run=workdir, blocked=blocked) for a in arguments]
    with pytest.raises(SystemExit) as exit_:
        evaluate.main(arguments)
    assert message.format(tmp=tmp_path) in str(exit_.value.code)
    assert "\n" not in str(exit_.value.code)
