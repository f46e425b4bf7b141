"""Colouring files: every size and mode, one bad file among good ones, nothing overwritten."""

from concurrent.futures import ThreadPoolExecutor

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from s2c_jax import checkpoint, colorize
from s2c_jax import config as config_lib
from s2c_jax.drawing import image_files, palette
from s2c_jax.errors import UserError
from s2c_jax.inference import batches
from s2c_jax.inference.batching import batch_size
from s2c_jax.inference.colorizer import Colorizer
from s2c_jax.models.generator import Generator


@pytest.fixture(scope="module")
def colorizer(workdir):
    return Colorizer(workdir)


def sketch(width=40, height=30, seed=0):
    noise = np.random.default_rng(seed).integers(0, 2, (height, width), np.uint8) * 255
    return Image.fromarray(noise).convert("RGB")


def run(arguments, capsys):
    with pytest.raises(SystemExit) as exit_:
        colorize.main([str(argument) for argument in arguments])
    return exit_.value.code, capsys.readouterr()


def test_the_checkpoints_generator_is_what_colours(workdir, colorizer):
    """The same picture as the network applied by hand to the checkpoint's parameters."""
    config = config_lib.load(workdir / "config.json")
    generator = Generator(**config.generator)
    shapes = jax.eval_shape(
        lambda: generator.init(jax.random.key(0), jnp.zeros((1, 64, 64, 3)), train=False)
    )
    _, variables = checkpoint.restore_generator(workdir, shapes, "last", averaged=True)
    square = sketch(64, 64)
    variables = jax.tree.map(jnp.asarray, variables)
    x = jnp.asarray(square, jnp.float32)[None] / 127.5 - 1
    y = generator.apply(variables, x, train=False)[0]
    expected = np.round((np.asarray(y) + 1) * 127.5)
    (actual,) = colorizer.colorize_squares(np.asarray(square)[None])
    np.testing.assert_allclose(np.asarray(actual, np.float32), expected, atol=1)
    assert expected.std() > 0


@pytest.mark.parametrize("size", [(1, 1), (1, 300), (64, 64), (65, 63), (640, 200)])
def test_a_picture_comes_back_in_its_size(colorizer, size):
    (color,) = colorizer([sketch(*size)])
    assert color.size == size
    assert color.mode == "RGB"


def test_largest_picture_is_coloured(colorizer):
    (color,) = colorizer([Image.new("RGB", (4096, 4096), "white")])
    assert color.size == (4096, 4096)


def test_a_sketchs_picture_does_not_depend_on_its_company(colorizer):
    sketches = [sketch(seed=i) for i in range(batch_size() + 3)]
    together = colorizer(sketches)
    for i in (0, 5, len(sketches) - 1):
        (alone,) = colorizer([sketches[i]])
        np.testing.assert_array_equal(np.asarray(alone), np.asarray(together[i]))


def test_any_mode_may_be_given(colorizer):
    white, clear = Image.new("L", (64, 64), 255), Image.new("RGBA", (64, 64), (0, 0, 0, 0))
    left, right = colorizer([white, clear])
    np.testing.assert_array_equal(np.asarray(left), np.asarray(right))


def test_nothing_gives_nothing(colorizer):
    assert colorizer([]) == []


def test_files_and_folders_are_coloured(workdir, tmp_path, capsys):
    (tmp_path / "in/deep").mkdir(parents=True)
    sketch().save(tmp_path / "one.jpg")
    sketch().convert("L").save(tmp_path / "in/two.webp")
    sketch().convert("LA").save(tmp_path / "in/deep/three.png")
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


def test_a_single_sketch_may_name_its_output(workdir, tmp_path, capsys):
    sketch().save(tmp_path / "one.png")
    code, _ = run(
        ["--workdir", workdir, tmp_path / "one.png", "--output", tmp_path / "colored.png"], capsys
    )
    assert code == 0
    assert Image.open(tmp_path / "colored.png").size == (40, 30)


def test_bad_files_are_named_and_the_rest_is_coloured(workdir, tmp_path, capsys):
    folder = tmp_path / "in"
    folder.mkdir()
    sketch().save(folder / "good.png")
    sketch().save(folder / "same.png")
    sketch().save(folder / "same.jpg")
    (folder / "text.png").write_text("no picture")
    (folder / "half.png").write_bytes((folder / "good.png").read_bytes()[:200])
    code, output = run(
        ["--workdir", workdir, folder, tmp_path / "none.png", "--output", tmp_path / "out"], capsys
    )
    assert code == 1
    assert "2 coloured, 4 failed" in output.out
    errors = output.err.splitlines()
    assert len(errors) == 4
    for name in ("text.png: not a PNG", "half.png: cannot", "none.png: not there", "same.png"):
        assert sum(name in error for error in errors) == 1
    assert {p.name for p in (tmp_path / "out").iterdir()} == {"good.png", "same.png"}


def test_an_existing_output_is_kept_unless_told_otherwise(workdir, tmp_path, capsys):
    sketch().save(tmp_path / "one.png")
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


def test_no_sketch_is_written_over(workdir, tmp_path, capsys):
    """Neither by its own output nor by another sketch's."""
    sketch().save(tmp_path / "one.png")
    sketch(seed=1).save(tmp_path / "two.png")
    sketch(seed=2).save(tmp_path / "two.jpg")
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
    sketch().save(tmp_path / "one.png")
    monkeypatch.chdir(tmp_path)
    for folder in (tmp_path, ".", tmp_path):
        command = ["--workdir", workdir, folder, "--output", "colored", "--overwrite"]
        code, output = run(command, capsys)
        assert code == 0
        assert "1 coloured" in output.out
    assert [path.name for path in (tmp_path / "colored").iterdir()] == ["one.png"]


def test_held_out_sketches_are_laid_out_beside_the_truth(workdir, tmp_path, capsys):
    code, output = run(
        ["--workdir", workdir, "--held_out", "3", "--output", tmp_path / "out"], capsys
    )
    assert code == 0
    assert output.out.splitlines()[-1].endswith(str(tmp_path / "out" / "sheet.png"))
    assert len(list((tmp_path / "out").glob("*.png"))) == 4
    assert image_files.read(tmp_path / "out" / "sheet.png").width > 3 * 128
    (tmp_path / "out" / "sheet.png").unlink()
    code, _ = run(["--workdir", workdir, "--held_out", "3", "--output", tmp_path / "out"], capsys)
    assert "held_out_0001.png: exists already" in code


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--workdir", "{tmp}/none"], "config.json cannot be read"),
        (["--workdir", "{run}", "--step", "7"], "has no checkpoint 7; it has"),
    ],
)
def test_a_run_that_is_not_there_is_named(workdir, tmp_path, capsys, arguments, message):
    arguments = [argument.format(tmp=tmp_path, run=workdir) for argument in arguments]
    code, _ = run([*arguments, "x.png", "--output", tmp_path / "out"], capsys)
    assert message in str(code)
    assert "\n" not in str(code)
    assert not (tmp_path / "out").exists()


def test_a_run_without_a_checkpoint_is_named(workdir, tmp_path):
    (tmp_path / "config.json").write_bytes((workdir / "config.json").read_bytes())
    with pytest.raises(UserError, match="holds no checkpoint"):
        Colorizer(tmp_path)


def test_reading_ahead_is_bounded_and_keeps_the_order():
    taken = []

    def items():
        for i in range(1000):
            taken.append(i)
            yield i

    with ThreadPoolExecutor() as pool:
        results = batches._in_threads(pool, lambda i: 10 * i, items())
        assert not taken
        assert [next(results) for _ in range(5)] == [0, 10, 20, 30, 40]
        assert len(taken) <= 5 + 2 * batch_size()
        assert list(results) == [10 * i for i in range(5, 1000)]


@pytest.fixture(scope="module")
def guided(guided_workdir):
    return Colorizer(guided_workdir)


def painted(size=(40, 30), color=(255, 0, 0, 255)):
    hints = Image.new("RGBA", size)
    hints.paste(color, (0, 0, size[0] // 2, size[1]))
    return hints


def test_hints_and_palettes_change_the_sketchs_picture_alone(guided):
    sketches = [sketch(), sketch(seed=1)]
    alone = [np.asarray(color) for color in guided(sketches)]
    colors = palette.from_colors("red,blue")
    for said in ({"hints": [painted(), None]}, {"palettes": [colors, None]}):
        first, second = (np.asarray(color) for color in guided(sketches, **said))
        assert (first != alone[0]).any()
        np.testing.assert_array_equal(second, alone[1])
    # Hints that say nothing are no hints.
    nothing = Image.new("RGBA", (40, 30))
    (unsaid,) = guided(sketches[:1], hints=[nothing])
    np.testing.assert_array_equal(np.asarray(unsaid), alone[0])


def test_a_run_without_hints_refuses_them(colorizer, workdir):
    with pytest.raises(UserError, match="takes no hints"):
        colorizer([sketch()], hints=[painted()])
    with pytest.raises(UserError, match="takes no palette"):
        colorizer([sketch()], palettes=[palette.from_colors("red")])


def test_the_command_takes_hints_by_name_and_a_palette(guided, guided_workdir, tmp_path, capsys):
    for name in ("a", "b"):
        (tmp_path / "in/sub").mkdir(parents=True, exist_ok=True)
        sketch().save(tmp_path / f"in/sub/{name}.png")
    # Inside of the sketches' folder, they are no sketches.
    (tmp_path / "in/hints/sub").mkdir(parents=True)
    painted().save(tmp_path / "in/hints/sub/a.png")
    code, _ = run(
        [tmp_path / "in", "--workdir", guided_workdir, "--output", tmp_path / "out",
         "--hints", tmp_path / "in/hints", "--palette", "gold"],
        capsys,
    )  # fmt: skip
    assert code == 0
    assert sorted(p.name for p in (tmp_path / "out").rglob("*.png")) == ["a.png", "b.png"]
    colors = [palette.from_colors("gold")] * 2
    expected = guided([sketch()] * 2, [painted(), None], colors)
    for name, picture in zip("ab", expected, strict=True):
        with Image.open(tmp_path / f"out/sub/{name}.png") as written:
            np.testing.assert_array_equal(np.asarray(written), np.asarray(picture))


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--hints", "missing.png"], "missing.png: not there"),
        (["--hints", "small.png"], "small.png: 4x4 pixels, and the sketch has 40x30"),
        (["--hints", "empty"], "holds no hints of these sketches"),
        (["--hints", "opaque.png"], "opaque.png: it has no transparent pixel"),
        (["--palette", "reddish"], "'reddish' is no colour"),
        (["--palette-from", "missing.png"], "missing.png: cannot be read"),
    ],
)
def test_bad_hints_and_palettes_are_named(
    guided_workdir, tmp_path, capsys, monkeypatch, flags, message
):
    monkeypatch.chdir(tmp_path)
    sketch().save("a.png")
    painted((4, 4)).save("small.png")
    sketch().save("opaque.png")
    (tmp_path / "empty").mkdir()
    code, printed = run(["a.png", "--workdir", guided_workdir, "--output", "out", *flags], capsys)
    assert message in str(code) + printed.err
    assert not list(tmp_path.glob("out/*"))


def test_one_file_of_hints_is_for_one_sketch(guided_workdir, tmp_path, capsys):
    for name in ("a", "b"):
        sketch().save(tmp_path / f"{name}.png")
    painted().save(tmp_path / "hints.png")
    code, _ = run(
        [tmp_path / "a.png", tmp_path / "b.png", "--hints", tmp_path / "hints.png",
         "--workdir", guided_workdir, "--output", tmp_path / "out"],
        capsys,
    )  # fmt: skip
    assert "one file of hints is for one sketch" in code


def test_variants_differ_and_are_the_same_for_the_same_seed(colorizer, guided):
    for loaded in (colorizer, guided):
        one, same, other = loaded([sketch()] * 3, seeds=[1, 1, 2])
        (alone,) = loaded([sketch()], seeds=[1])
        assert np.array_equal(np.asarray(one), np.asarray(same))
        assert np.array_equal(np.asarray(one), np.asarray(alone))
        assert not np.array_equal(np.asarray(one), np.asarray(other))


def test_the_command_writes_variants(colorizer, workdir, tmp_path, capsys):
    sketch().save(tmp_path / "a.png")
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
        sketch().save(tmp_path / name)
    painted().save(tmp_path / "b_2.png")
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
    # Where a variant's name is free, a sketch's own is no obstacle.
    assert (tmp_path / "a_1_1.png").exists()
    assert (tmp_path / "b_1.png").exists()


def test_unused_hints_are_named_and_the_rest_is_coloured(guided_workdir, tmp_path, capsys):
    sketch().save(tmp_path / "a.png")
    (tmp_path / "hints").mkdir()
    for name in ("a", "typo"):
        painted().save(tmp_path / f"hints/{name}.png")
    code, output = run(
        [tmp_path / "a.png", "--workdir", guided_workdir, "--output", tmp_path / "out",
         "--hints", tmp_path / "hints"],
        capsys,
    )  # fmt: skip
    assert code == 1
    assert "typo.png: hints of no sketch" in output.err
    assert (tmp_path / "out/a.png").exists()


@pytest.mark.parametrize("kind", ["hints", "palettes", "seeds"])
def test_too_few_of_what_guides_is_named(guided, kind):
    said = {"hints": [painted()], "palettes": [palette.from_colors("red")], "seeds": [1]}[kind]
    with pytest.raises(ValueError, match=r"2 sketches, and 1 |zip"):
        guided([sketch()] * 2, **{kind: said})
