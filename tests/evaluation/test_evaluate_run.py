"""What the evaluation of a run measures and writes."""

import json

import numpy as np
from PIL import Image

from s2c_jax import checkpoint
from s2c_jax.datasets import input_pipeline
from s2c_jax.evaluation.evaluate_run import evaluate_run
from tests.support.tensorboard import scalars


def evaluate(workdir, steps, num_pairs=None):
    evaluate_run(workdir, steps, num_pairs)
    return json.loads((workdir / "evaluation" / "metrics.json").read_text())


def test_every_checkpoint_has_a_row_a_sheet_and_scalars(run_copy, validation, capsys):
    steps = checkpoint.all_steps(run_copy)
    found = evaluate(run_copy, steps)
    assert list(found) == ["dataset", "split", "pairs", "baselines", "checkpoints"]
    assert list(found["checkpoints"]) == [str(step) for step in steps]
    assert list(found["baselines"]) == ["the sketch itself", "the mean colour"]
    assert (found["dataset"], found["pairs"]) == ("openmoji_sketch/64", len(validation))
    table = (run_copy / "evaluation" / "metrics.md").read_text()
    assert table in capsys.readouterr().out
    *rows, _, _ = table.splitlines()
    assert len(rows) == 2 + 2 + len(steps)
    for step in steps:
        values = found["checkpoints"][str(step)]
        assert f" {values['ciede2000']:.4f} |" in table
        assert np.asarray(Image.open(run_copy / "evaluation" / f"step_{step}.png")).std() > 10
    written = scalars(run_copy / "evaluation")
    for name in values:
        assert [step for step, _ in written[f"evaluation/{name}"]] == steps
        np.testing.assert_allclose(written[f"evaluation/{name}"][-1][1], values[name], rtol=1e-5)


def test_a_second_evaluation_replaces_the_scalars_of_the_first(run_copy):
    first, last = checkpoint.all_steps(run_copy)
    evaluate(run_copy, [first], 2)
    evaluate(run_copy, [last], 2)
    assert [step for step, _ in scalars(run_copy / "evaluation")["evaluation/mae"]] == [last]


def test_metrics_equal_those_that_training_saved_with_the_checkpoint(run_copy, small_config):
    last = checkpoint.all_steps(run_copy)[-1]
    saved = run_copy / "checkpoints" / str(last) / "metrics" / "metrics"
    found = evaluate(run_copy, [last], small_config.validation.num_pairs)
    assert found["checkpoints"][str(last)] == json.loads(saved.read_text())


def test_the_sketch_baseline_is_measured_as_a_colouring(run_copy, validation):
    pairs = input_pipeline.read_pairs(validation, range(len(validation)))
    expected = np.abs(pairs["sketch"].astype(float) - pairs["color"]).mean() / 127.5
    sketch = evaluate(run_copy, ["last"])["baselines"]["the sketch itself"]
    np.testing.assert_allclose(sketch["mae"], expected)
    assert sketch["colorfulness"] == sketch["leakage"] == sketch["line_loss"] == 0


def test_without_colour_in_the_truth_no_sheet_and_no_ciede2000_are_written(
    run_copy, tmp_path, monkeypatch
):
    read = input_pipeline.read_pairs

    def without_color(source, indices):
        pairs = read(source, indices)
        return {**pairs, "color": pairs["sketch"]}

    monkeypatch.setattr(input_pipeline, "read_pairs", without_color)
    for sheet in (run_copy / "evaluation").glob("*.png"):
        sheet.unlink()
    (found,) = evaluate(run_copy, ["last"])["checkpoints"].values()
    assert "ciede2000" not in found
    assert "CIEDE2000" not in (run_copy / "evaluation" / "metrics.md").read_text()
    assert not list((run_copy / "evaluation").glob("*.png"))
