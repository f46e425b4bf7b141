"""The path from a sketch to a coloured picture: every size and mode, hints, palettes, seeds."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from s2c_jax import checkpoint
from s2c_jax import config as config_lib
from s2c_jax.drawing import compositing, palette
from s2c_jax.errors import UserError
from s2c_jax.inference.batching import batch_size
from s2c_jax.inference.colorizer import Colorizer, variant_seeds
from s2c_jax.models.generator import Generator
from tests.support.sketches import half_painted_hints, noise_sketch


def test_colorizer_applies_the_checkpoints_generator(workdir, colorizer):
    """The oracle applies the network by hand to the checkpoint's parameters."""
    config = config_lib.load(workdir / "config.json")
    generator = Generator(**config.generator)
    shapes = jax.eval_shape(
        lambda: generator.init(jax.random.key(0), jnp.zeros((1, 64, 64, 3)), train=False)
    )
    _, variables = checkpoint.restore_generator(workdir, shapes, "last", averaged=True)
    square = noise_sketch(64, 64)
    variables = jax.tree.map(jnp.asarray, variables)
    x = jnp.asarray(square, jnp.float32)[None] / 127.5 - 1
    y = jax.jit(functools.partial(generator.apply, train=False))(variables, x)[0]
    expected = np.round((np.asarray(y) + 1) * 127.5)
    (actual,) = colorizer.colorize_squares(np.asarray(square)[None])
    np.testing.assert_allclose(np.asarray(actual, np.float32), expected, atol=1)
    assert expected.std() > 0


@pytest.mark.parametrize("size", [(1, 1), (1, 300), (64, 64), (65, 63), (640, 200)])
def test_coloured_picture_has_the_sketchs_size(colorizer, size):
    (color,) = colorizer([noise_sketch(*size)])
    assert color.size == size
    assert color.mode == "RGB"


@pytest.mark.slow(reason="composites a picture of 16 megapixels, the largest allowed")
def test_largest_allowed_sketch_is_coloured(colorizer):
    (color,) = colorizer([Image.new("RGB", (4096, 4096), "white")])
    assert color.size == (4096, 4096)


def test_sketchs_picture_does_not_depend_on_the_other_sketches(colorizer):
    sketches = [noise_sketch(seed=i) for i in range(batch_size() + 3)]
    together = colorizer(sketches)
    for i in (0, 5, len(sketches) - 1):
        (alone,) = colorizer([sketches[i]])
        np.testing.assert_array_equal(np.asarray(alone), np.asarray(together[i]))


def test_sketches_of_any_mode_are_laid_on_white(colorizer):
    white, clear = Image.new("L", (64, 64), 255), Image.new("RGBA", (64, 64), (0, 0, 0, 0))
    left, right = colorizer([white, clear])
    np.testing.assert_array_equal(np.asarray(left), np.asarray(right))


def test_no_sketches_give_no_pictures(colorizer):
    assert colorizer([]) == []
    assert colorizer.layers([]) == []


@pytest.mark.parametrize("size", [(64, 64), (200, 90)])
def test_layers_flatten_to_the_coloured_picture(colorizer, size):
    sketches = [noise_sketch(*size), noise_sketch(*size, seed=1)]
    for picture, layers in zip(colorizer(sketches), colorizer.layers(sketches)):
        np.testing.assert_array_equal(np.asarray(picture), compositing.flatten_layers(layers))


def test_prepared_sketches_are_coloured_as_by_one_call(guided_colorizer):
    """The steps that the page and the command colorize take give what a call gives."""
    sketch, hints = noise_sketch(90, 50), half_painted_hints((90, 50))
    colors = palette.from_colors("red,blue")
    (expected,) = guided_colorizer([sketch], [hints], [colors], [3])
    prepared = guided_colorizer.prepare(sketch, hints)
    (square,) = guided_colorizer.colorize([prepared], [colors], [3])
    np.testing.assert_array_equal(prepared.composite(square), np.asarray(expected))
    flat = compositing.flatten_layers(prepared.layers(square))
    np.testing.assert_array_equal(flat, np.asarray(expected))


@pytest.mark.parametrize("kind", ["hints", "palettes"])
def test_guidance_changes_its_own_sketchs_picture_alone(guided_colorizer, kind):
    sketches = [noise_sketch(), noise_sketch(seed=1)]
    alone = [np.asarray(color) for color in guided_colorizer(sketches)]
    guidance = {"hints": half_painted_hints(), "palettes": palette.from_colors("red,blue")}[kind]
    first, second = guided_colorizer(sketches, **{kind: [guidance, None]})
    assert (np.asarray(first) != alone[0]).any()
    np.testing.assert_array_equal(np.asarray(second), alone[1])


def test_transparent_hints_equal_no_hints(guided_colorizer):
    (unguided,) = guided_colorizer([noise_sketch()])
    (transparent,) = guided_colorizer([noise_sketch()], hints=[Image.new("RGBA", (40, 30))])
    np.testing.assert_array_equal(np.asarray(transparent), np.asarray(unguided))


@pytest.mark.parametrize(
    ("hints", "message"),
    [
        (noise_sketch(), "hints 1: the picture has no transparent pixel"),
        (half_painted_hints((4, 4)), "hints 1: 4x4 pixels, but the sketch has 40x30"),
    ],
    ids=["opaque", "another size"],
)
def test_bad_hints_are_refused_by_their_index(guided_colorizer, hints, message):
    with pytest.raises(UserError, match=message):
        guided_colorizer([noise_sketch()] * 2, hints=[None, hints])


def test_run_without_guidance_refuses_guidance(colorizer):
    with pytest.raises(UserError, match="takes no hints"):
        colorizer([noise_sketch()], hints=[half_painted_hints()])
    with pytest.raises(UserError, match="takes no palette"):
        colorizer([noise_sketch()], palettes=[palette.from_colors("red")])


@pytest.mark.parametrize("kind", ["hints", "palettes", "seeds"])
def test_number_of_guidance_must_be_the_number_of_sketches(guided_colorizer, kind):
    guidance = {
        "hints": [half_painted_hints()],
        "palettes": [palette.from_colors("red")],
        "seeds": [1],
    }[kind]
    with pytest.raises(ValueError, match=f"^2 sketches, but 1 {kind}: give one a sketch$"):
        guided_colorizer([noise_sketch()] * 2, **{kind: guidance})


@pytest.mark.parametrize("fixture", ["colorizer", "guided_colorizer"])
def test_seeds_give_different_and_reproducible_variants(fixture, request):
    loaded = request.getfixturevalue(fixture)
    one, same, other = loaded([noise_sketch()] * 3, seeds=[1, 1, 2])
    (alone,) = loaded([noise_sketch()], seeds=[1])
    np.testing.assert_array_equal(np.asarray(one), np.asarray(same))
    np.testing.assert_array_equal(np.asarray(one), np.asarray(alone))
    assert (np.asarray(one) != np.asarray(other)).any()


def test_variant_seeds_are_distinct_and_depend_on_the_seed():
    seeds = variant_seeds(5, 8)
    assert len(set(seeds)) == 8
    assert all(0 <= seed < 2**32 for seed in seeds)
    assert variant_seeds(5, 8) == seeds
    assert variant_seeds(5, 3) == seeds[:3]
    assert not set(variant_seeds(6, 8)) & set(seeds)


def test_run_without_a_checkpoint_is_refused(workdir, tmp_path):
    (tmp_path / "config.json").write_bytes((workdir / "config.json").read_bytes())
    with pytest.raises(UserError, match="holds no checkpoint"):
        Colorizer(tmp_path)
