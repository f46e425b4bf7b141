"""The command colorize: files and folders, hints, palettes, variants, and one line an error."""

import numpy as np
import pytest
from PIL import Image

from s2c_jax import colorize
from s2c_jax.drawing import palette
from s2c_jax.inference.colorizer import Colorizer
from tests.support.sketches import half_painted_hints, noise_sketch


def run(arguments, capsys):
    with pytest.raises(SystemExit) as exit_:
        colorize.main([str(argument) for argument in arguments])
    return exit_.value.code, capsys.readouterr()


def test_files_and_folders_are_coloured(workdir, tmp_path, capsys):
    (tmp_path / "in/deep").mkdir(parents=True)
    noise_sketch().save(tmp_path / "one.jpg")
    noise_sketch().convert("L").save(tmp_path / "in/two.webp")
    noise_sketch().convert("LA").save(tmp_path / "in/deep/three.png")
    (tmp_path / "in/notes.txt").write_text("no picture")
    code, output = run(
        ["--workdir", workdir, tmp_path / "one.jpg", tmp_path / "in", "--output", tmp_path / "out"],
        capsys,
    )
    assert code == 0
    written = sorted(p.relative_to(tmp_path / "out") for p in (tmp_path / "out").rglob("*.png"))
    assert [str(p) for p in written] == ["deep/three.png", "one.png", "two.png"]
    for path in written:
        assert str(tmp_path / "out" / path) in output.out
        assert Image.open(tmp_path / "out" / path).size == (40, 30)
    assert "3 coloured, 0 failed" in output.out
    assert "images/s" in output.out


def test_bad_files_are_named_and_the_rest_is_coloured(workdir, tmp_path, capsys):
    folder = tmp_path / "in"
    folder.mkdir()
    noise_sketch().save(folder / "good.png")
    noise_sketch().save(folder / "same.png")
    noise_sketch().save(folder / "same.jpg")
    (folder / "text.png").write_text("no picture")
    (folder / "half.png").write_bytes((folder / "good.png").read_bytes()[:200])
    code, output = run(
        ["--workdir", workdir, folder, tmp_path / "none.png", "--output", tmp_path / "out"], capsys
    )
    assert code == 1
    assert "2 coloured, 4 failed" in output.out
    errors = output.err.splitlines()
    assert len(errors) == 4
    for message in (
        "text.png: not a PNG",
        "half.png: cannot",
        "none.png: there is no such file",
        "same.png",
    ):
        assert sum(message in error for error in errors) == 1
    assert {p.name for p in (tmp_path / "out").iterdir()} == {"good.png", "same.png"}


def test_existing_output_is_replaced_only_with_overwrite(workdir, tmp_path, capsys):
    noise_sketch().save(tmp_path / "one.png")
    out = tmp_path / "out"
    out.mkdir()
    (out / "one.png").write_text("mine")
    command = ["--workdir", workdir, tmp_path / "one.png", "--output", out]
    code, output = run(command, capsys)
    assert code == 1
    assert "exists already; --overwrite replaces it" in output.err
    assert (out / "one.png").read_text() == "mine"
    code, _ = run([*command, "--overwrite"], capsys)
    assert code == 0
    assert Image.open(out / "one.png").size == (40, 30)


def test_no_sketch_is_replaced_by_its_own_or_another_output(workdir, tmp_path, capsys):
    noise_sketch().save(tmp_path / "one.png")
    noise_sketch(seed=1).save(tmp_path / "two.png")
    noise_sketch(seed=2).save(tmp_path / "two.jpg")
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    code, output = run(
        ["--workdir", workdir, tmp_path, "--output", tmp_path, "--overwrite"], capsys
    )
    assert code == 1
    assert output.err.count("is a sketch") == 3
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_outputs_inside_the_input_folder_are_not_coloured_again(
    workdir, tmp_path, capsys, monkeypatch
):
    noise_sketch().save(tmp_path / "one.png")
    monkeypatch.chdir(tmp_path)
    for folder in (tmp_path, ".", tmp_path):
        command = ["--workdir", workdir, folder, "--output", "colored", "--overwrite"]
        code, output = run(command, capsys)
        assert code == 0
        assert "1 coloured" in output.out
    assert [path.name for path in (tmp_path / "colored").iterdir()] == ["one.png"]


def test_held_out_colours_validation_pairs(workdir, tmp_path, capsys):
    command = ["--workdir", workdir, "--held_out", "3", "--output", tmp_path / "out"]
    code, output = run(command, capsys)
    assert code == 0
    assert output.out.splitlines()[-1].endswith(str(tmp_path / "out" / "sheet.png"))
    assert len(list((tmp_path / "out").glob("*.png"))) == 4
    code, _ = run(command, capsys)
    assert "held_out_0001.png: exists already" in code


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--workdir", "{tmp}/none"], "config.json cannot be read"),
        (["--workdir", "{run}", "--step", "7"], "has no checkpoint 7; it has"),
    ],
)
def test_missing_run_or_checkpoint_is_named(workdir, tmp_path, capsys, arguments, message):
    arguments = [argument.format(tmp=tmp_path, run=workdir) for argument in arguments]
    code, _ = run([*arguments, "x.png", "--output", tmp_path / "out"], capsys)
    assert message in str(code)
    assert "\n" not in str(code)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "give either sketches or --held_out N"),
        (["a.png", "--held_out", "3"], "give either sketches or --held_out N"),
        (
            ["--held_out", "3", "--variants", "2"],
            "--held_out takes no --hints, --palette",
        ),
        (["a.png", "--variants", "-1"], "--variants and --seed must not be negative"),
        (["a.png", "--format", "ora"], "--output out.png is not a .ora file"),
    ],
)
def test_flags_that_contradict_each_other_are_refused(workdir, capsys, arguments, message):
    code, output = run([*arguments, "--workdir", workdir, "--output", "out.png"], capsys)
    assert code == 2
    assert message in output.err


def test_hints_are_found_by_name_and_a_palette_is_used(guided_workdir, tmp_path, capsys):
    for name in ("a", "b"):
        (tmp_path / "in/sub").mkdir(parents=True, exist_ok=True)
        noise_sketch().save(tmp_path / f"in/sub/{name}.png")
    # Hints inside the sketches' folder are not taken for sketches.
    (tmp_path / "in/hints/sub").mkdir(parents=True)
    half_painted_hints().save(tmp_path / "in/hints/sub/a.png")
    code, _ = run(
        [tmp_path / "in", "--workdir", guided_workdir, "--output", tmp_path / "out",
         "--hints", tmp_path / "in/hints", "--palette", "gold"],
        capsys,
    )  # fmt: skip
    assert code == 0
    assert sorted(p.name for p in (tmp_path / "out").rglob("*.png")) == ["a.png", "b.png"]
    colors = [palette.from_colors("gold")] * 2
    expected = Colorizer(guided_workdir)([noise_sketch()] * 2, [half_painted_hints(), None], colors)
    for name, picture in zip("ab", expected, strict=True):
        with Image.open(tmp_path / f"out/sub/{name}.png") as written:
            np.testing.assert_array_equal(np.asarray(written), np.asarray(picture))


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--hints", "missing.png"], "--hints: missing.png: there is no such file"),
        (["--hints", "small.png"], "small.png: 4x4 pixels, but the sketch has 40x30"),
        (["--hints", "empty"], "--hints: empty: holds no hints of these sketches"),
        (["--hints", "opaque.png"], "opaque.png: the picture has no transparent pixel"),
        (["--palette", "reddish"], "'reddish'"),
        (["--palette-from", "missing.png"], "--palette-from: missing.png: cannot be read"),
    ],
)
def test_bad_hints_and_palettes_are_named(
    guided_workdir, tmp_path, capsys, monkeypatch, flags, message
):
    monkeypatch.chdir(tmp_path)
    noise_sketch().save("a.png")
    half_painted_hints((4, 4)).save("small.png")
    noise_sketch().save("opaque.png")
    (tmp_path / "empty").mkdir()
    code, printed = run(["a.png", "--workdir", guided_workdir, "--output", "out", *flags], capsys)
    assert message in str(code) + printed.err
    assert not list(tmp_path.glob("out/*"))


def test_variants_differ_and_depend_on_the_seed_alone(workdir, tmp_path, capsys):
    noise_sketch().save(tmp_path / "a.png")
    written = {}
    for output in ("out", "again"):
        code, _ = run(
            [tmp_path / "a.png", "--workdir", workdir, "--output", tmp_path / output,
             "--variants", 3, "--seed", 5],
            capsys,
        )  # fmt: skip
        assert code == 0
        written[output] = {
            path.name: path.read_bytes() for path in (tmp_path / output).glob("*.png")
        }
    assert written["out"] == written["again"]
    assert sorted(written["out"]) == ["a_1.png", "a_2.png", "a_3.png"]
    assert len(set(written["out"].values())) == 3
    code, _ = run(
        [tmp_path / "a.png", "--workdir", workdir, "--output", tmp_path / "other",
         "--variants", 1, "--seed", 6],
        capsys,
    )  # fmt: skip
    assert code == 0
    assert (tmp_path / "other/a_1.png").read_bytes() != written["out"]["a_1.png"]


def test_variants_and_hints_never_replace_an_input(guided_workdir, tmp_path, capsys):
    for name in ("a.jpg", "a_1.png", "b.png"):
        noise_sketch().save(tmp_path / name)
    half_painted_hints().save(tmp_path / "b_2.png")
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    for arguments in (
        [tmp_path / "a.jpg", tmp_path / "a_1.png", "--variants", 1],
        [tmp_path / "b.png", "--variants", 2, "--hints", tmp_path / "b_2.png"],
    ):
        code, output = run(
            [*arguments, "--workdir", guided_workdir, "--output", tmp_path, "--overwrite"], capsys
        )
        assert code == 1
        assert output.err.count("is a sketch, or hints") == 1
    assert {path: path.read_bytes() for path in before} == before
    # The other variants, whose names are free, are written.
    assert (tmp_path / "a_1_1.png").exists()
    assert (tmp_path / "b_1.png").exists()
