"""The generator's shapes, parameter count and behaviour."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from configs import sketch2color
from s2c_jax.models.generator import Generator
from tests.support.networks import eval_shapes, num_parameters, picture_shape

ARTICLE = sketch2color.get_config().generator


def init(generator, sketch):
    """Returns initial variables; their program does not contain the convolutions."""
    return jax.jit(functools.partial(generator.init, train=False))(jax.random.key(0), sketch)


@functools.partial(jax.jit, static_argnums=0)
def infer(generator, variables, sketch, **guidance):
    return generator.apply(variables, sketch, **guidance, train=False)


def test_generator_has_the_articles_parameter_count():
    output, variables = eval_shapes(Generator(**ARTICLE), picture_shape(512))
    assert output.shape == (1, 512, 512, 3)
    encoder = [3, 64, 128, 256, 512, 512, 512, 512, 512]
    convolutions = sum(16 * i * o + o for i, o in zip(encoder, encoder[1:]))
    # Each decoder layer but the first takes the channels of the previous layer and of the skip.
    decoder = [(512, 512), *[(1024, 512)] * 3, (1024, 256), (512, 128), (256, 64), (128, 3)]
    convolutions += sum(16 * i * o + o for i, o in decoder)
    norms = sum(2 * c for c in (128, 256, 512, 512, 512, 512)) + sum(2 * o for _, o in decoder[:-1])
    assert num_parameters(variables["params"]) == convolutions + norms == 54_419_459


def test_bottleneck_is_two_by_two_at_512_pixels():
    generator = Generator(**ARTICLE)
    bottleneck = jax.eval_shape(
        lambda key, x: generator.init_with_output(
            key, x, train=False, capture_intermediates=True, mutable=True
        )[1]["intermediates"]["encoder_7"]["__call__"][0],
        jax.random.key(0),
        picture_shape(512),
    )
    assert bottleneck.shape == (1, 2, 2, 512)


@pytest.mark.parametrize(("side", "halvings"), [(64, 6), (128, 7), (256, 8), (512, 8)])
def test_every_size_has_a_depth(side, halvings):
    generator = Generator(**{**ARTICLE, "channels": [4] * halvings})
    assert eval_shapes(generator, picture_shape(side))[0].shape == (1, side, side, 3)


def test_kernels_are_drawn_from_the_articles_distribution():
    generator = Generator(**{**ARTICLE, "channels": (64, 128, 128)})
    variables = init(generator, jnp.zeros((1, 8, 8, 3)))
    kernel = variables["params"]["encoder_1"]["kernel"]
    assert abs(kernel.mean()) < 2e-4
    np.testing.assert_allclose(kernel.std(), 0.02, rtol=0.01)
    assert not variables["params"]["encoder_1"]["bias"].any()


@pytest.fixture(scope="module")
def small():
    generator = Generator(**{**ARTICLE, "channels": (4, 8, 8)})
    sketch = jax.random.uniform(jax.random.key(1), (4, 16, 16, 3), minval=-1, maxval=1)
    variables = init(generator, sketch)
    # Kernels large enough for pictures that differ, small enough that rounding does not grow.
    params = jax.tree.map(lambda x: x * 8 if x.ndim == 4 else x, variables["params"])
    return generator, {**variables, "params": params}, sketch


def test_inference_colors_a_sketch_the_same_in_every_batch(small):
    generator, variables, sketch = small
    together = infer(generator, variables, sketch)
    assert together.min() >= -1
    assert together.max() <= 1
    assert together.std() > 0.1
    for i in range(len(sketch)):
        alone = infer(generator, variables, sketch[i : i + 1])
        np.testing.assert_allclose(alone[0], together[i], atol=1e-6)


@pytest.fixture(scope="module")
def train(small):
    """Returns a function of variables and a key to the picture and the changed collections."""
    generator, _, sketch = small
    apply = jax.pmap(
        lambda variables, x, key: generator.apply(
            variables,
            x,
            train=True,
            capture_intermediates=True,
            mutable=["batch_stats", "intermediates"],
            rngs={"dropout": key},
        ),
        axis_name="batch",
        in_axes=(None, 0, None),
        devices=jax.devices()[:1],
    )

    def first_device(variables, key):
        return jax.tree.map(lambda leaf: np.asarray(leaf[0]), apply(variables, sketch[None], key))

    return first_device


def test_training_draws_dropout_from_the_rng(small, train):
    _, variables, _ = small
    first, again, other = (train(variables, jax.random.key(key))[0] for key in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 0.01


def test_training_moves_the_running_averages_by_a_hundredth_towards_the_batch(small, train):
    _, variables, _ = small
    before = jax.tree.map(
        lambda leaf: np.random.default_rng(0).uniform(0.5, 2, leaf.shape).astype(np.float32),
        variables["batch_stats"],
    )
    variables = {**variables, "batch_stats": before}
    _, changed = train(variables, jax.random.key(0))
    after, outputs = changed["batch_stats"], changed["intermediates"]
    assert after.keys() == {"encoder_norm_1", "decoder_norm_0", "decoder_norm_1"}
    for name in after:
        (x,) = outputs[name.replace("_norm", "")]["__call__"]
        batch = {"mean": x.mean(axis=(0, 1, 2)), "var": x.var(axis=(0, 1, 2))}
        for part, value in batch.items():
            expected = 0.99 * before[name][part] + 0.01 * value
            np.testing.assert_allclose(after[name][part], expected, rtol=1e-5)


GUIDED = Generator((4, 8), 0.0, 0, "resize", hints=True, palette=True)
SHAPES = {"hints": (2, 16, 16, 4), "palette": (2, 4, 4, 4)}


@pytest.fixture(scope="module")
def guided():
    sketch = jax.random.uniform(jax.random.key(1), (2, 16, 16, 3), minval=-1)
    variables = init(GUIDED, sketch)
    # Initial weights hardly let a bottleneck through; after some training weights are this large.
    return jax.tree.map(lambda leaf: leaf * 10, variables), sketch


def test_no_guidance_is_guidance_of_zeros(guided):
    variables, sketch = guided
    zeros = {name: jnp.zeros(shape) for name, shape in SHAPES.items()}
    np.testing.assert_array_equal(
        infer(GUIDED, variables, sketch), infer(GUIDED, variables, sketch, **zeros)
    )


@pytest.mark.parametrize("name", SHAPES)
def test_guidance_changes_only_its_own_picture(guided, name):
    variables, sketch = guided
    zeros = {each: jnp.zeros(shape) for each, shape in SHAPES.items()}
    guidance = {**zeros, name: zeros[name].at[1, 3, 3].set(1.0)}
    alone = infer(GUIDED, variables, sketch, **zeros)
    changed = infer(GUIDED, variables, sketch, **guidance)
    np.testing.assert_allclose(changed[0], alone[0], atol=1e-6)
    assert np.abs(changed[1] - alone[1]).max() > 1e-3


@pytest.mark.parametrize("name", SHAPES)
def test_generator_without_guidance_refuses_guidance(name):
    plain = Generator((4, 8), 0.0, 0, "resize")
    guidance = {name: jnp.zeros(SHAPES[name])}
    with pytest.raises(ValueError, match=f"takes no {name}"):
        plain.init(jax.random.key(0), jnp.zeros((2, 16, 16, 3)), **guidance, train=False)


def test_noise_changes_only_its_own_picture():
    generator = Generator((4, 8, 8), 0.5, 2, "resize")
    sketch = jax.random.uniform(jax.random.key(1), (3, 16, 16, 3), minval=-1)
    variables = jax.tree.map(lambda leaf: leaf * 10, init(generator, sketch))
    keys = jax.random.split(jax.random.key(2), 3)
    together = infer(generator, variables, sketch, noise=keys)
    alone = infer(generator, variables, sketch[1:2], noise=keys[1:2])
    # The tolerance is for rounding, which such large weights amplify.
    np.testing.assert_allclose(together[1], alone[0], atol=1e-4)
    other = infer(generator, variables, sketch, noise=keys[::-1])
    assert np.abs(together[0] - other[0]).max() > 1e-2
