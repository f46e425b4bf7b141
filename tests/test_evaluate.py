"""The command evaluate: its flags, the weights' files, and its errors."""

import json

import pytest
import safetensors.numpy

from s2c_jax import checkpoint, evaluate
from s2c_jax.inference import batching
from tests.support import commands
from tests.support.inception import random_tensors
from tests.support.lpips import linear_tensors, vgg_tensors


def run(workdir, *arguments):
    evaluate.main(["--workdir", str(workdir), *map(str, arguments)])
    return json.loads((workdir / "evaluation" / "metrics.json").read_text())


def test_flags_choose_the_checkpoints(run_copy):
    first, last = checkpoint.all_steps(run_copy)
    assert list(run(run_copy)["checkpoints"]) == [str(last)]
    assert list(run(run_copy, "--step", first)["checkpoints"]) == [str(first)]
    assert list(run(run_copy, "--all")["checkpoints"]) == [str(first), str(last)]
    saved = {
        step: json.loads((run_copy / "checkpoints" / str(step) / "metrics" / "metrics").read_text())
        for step in (first, last)
    }
    (best,) = run(run_copy, "--step", "best")["checkpoints"]
    assert int(best) == min(saved, key=lambda step: saved[step]["ciede2000"])


@pytest.mark.slow(reason="evaluates in a process of its own, which imports and compiles anew")
def test_one_device_and_eight_give_the_same_digits(run_copy):
    """This process has eight devices, the command has one."""
    here = run(run_copy)
    done = commands.run("evaluate", "--workdir", run_copy)
    assert done.returncode == 0, done.stderr
    assert json.loads((run_copy / "evaluation" / "metrics.json").read_text()) == here


@pytest.mark.slow(reason="compiles VGG16 and InceptionV3; FID needs roots of 2048x2048 matrices")
def test_weights_files_add_lpips_and_fid(run_copy, tmp_path, monkeypatch):
    """The files hold random weights of the right shapes."""
    # A batch is padded to this size on each of the eight devices.
    monkeypatch.setattr(batching, "_DEVICE_BATCH", 1)
    vgg, linear, network = (tmp_path / name for name in ("vgg", "linear", "inception"))
    for path, tensors in (
        (vgg, vgg_tensors()),
        (linear, linear_tensors()),
        (network, random_tensors()),
    ):
        safetensors.numpy.save_file(tensors, path)
    arguments = ["--lpips_vgg", vgg, "--lpips_linear", linear, "--inception", network]
    found = run(run_copy, "--num_pairs", 2, *arguments)
    for values in [*found["baselines"].values(), *found["checkpoints"].values()]:
        assert values["lpips"] > 0
        assert values["fid"] > 0
    assert "LPIPS" in (run_copy / "evaluation" / "metrics.md").read_text()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--workdir", "{tmp}/none"], "config.json cannot be read"),
        (["--workdir", "{run}", "--step", "7"], "has no checkpoint 7; it has"),
        (["--workdir", "{blocked}"], "evaluation: cannot be written"),
        (["--workdir", "{run}", "--data_dir", "{tmp}"], "is not prepared in {tmp}"),
        (["--workdir", "{run}", "--lpips_vgg", "vgg"], "LPIPS needs both files"),
        (
            ["--workdir", "{run}", "--lpips_vgg", "{tmp}/none", "--lpips_linear", "{tmp}/none"],
            "--lpips_vgg: there is no file",
        ),
        (["--workdir", "{run}", "--inception", "{tmp}/none"], "--inception: there is no file"),
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
