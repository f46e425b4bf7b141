"""Shapes, parameter counts and behaviour of generator and discriminator."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from configs import sketch2color
from s2c_jax.models.discriminator import Discriminator
from s2c_jax.models.generator import Generator

ARTICLE = sketch2color.get_config()


def shapes(network, *pictures, train=False):
    return jax.eval_shape(
        lambda key, *args: network.init_with_output(key, *args, train=train),
        jax.random.key(0),
        *pictures,
    )


def picture(size, batch=1):
    return jax.ShapeDtypeStruct((batch, size, size, 3), jnp.float32)


def count(params):
    return sum(leaf.size for leaf in jax.tree.leaves(params))


def test_generator_has_the_articles_parameters():
    output, variables = shapes(Generator(**ARTICLE.generator), picture(512))
    assert output.shape == (1, 512, 512, 3)
    encoder = [3, 64, 128, 256, 512, 512, 512, 512, 512]
    convolutions = sum(16 * i * o + o for i, o in zip(encoder, encoder[1:]))
    # Each decoder layer but the first takes the previous one's channels and its skip's.
    decoder = [(512, 512), *[(1024, 512)] * 3, (1024, 256), (512, 128), (256, 64), (128, 3)]
    convolutions += sum(16 * i * o + o for i, o in decoder)
    norms = sum(2 * c for c in (128, 256, 512, 512, 512, 512)) + sum(2 * o for _, o in decoder[:-1])
    assert count(variables["params"]) == convolutions + norms == 54_419_459


def test_generators_bottleneck_is_two_by_two_at_512_pixels():
    generator = Generator(**ARTICLE.generator)
    bottleneck = jax.eval_shape(
        lambda key, x: generator.init_with_output(
            key, x, train=False, capture_intermediates=True, mutable=True
        )[1]["intermediates"]["encoder_7"]["__call__"][0],
        jax.random.key(0),
        picture(512),
    )
    assert bottleneck.shape == (1, 2, 2, 512)


def test_discriminator_has_the_articles_map_and_parameters():
    discriminator = Discriminator(ARTICLE.discriminator.channels)
    logits, variables = shapes(discriminator, picture(512), picture(512))
    assert logits.shape == (1, 30, 30, 1)
    widths = [6, 64, 128, 256, 512]
    convolutions = sum(16 * i * o + o for i, o in zip(widths, widths[1:]))
    convolutions += 4 * 512 * 512 + 512 + 4 * 512 * 1 + 1
    assert count(variables["params"]) == convolutions + 2 * (128 + 256 + 512 + 512) == 3_813_569


@pytest.mark.parametrize(("size", "halvings"), [(64, 6), (128, 7), (256, 8), (512, 8)])
def test_every_size_has_a_depth(size, halvings):
    generator = Generator(**{**ARTICLE.generator, "channels": [4] * halvings})
    assert shapes(generator, picture(size))[0].shape == (1, size, size, 3)
    discriminator = Discriminator(channels=[4] * 4)
    logits, _ = shapes(discriminator, picture(size), picture(size))
    assert logits.shape == (1, size // 16 - 2, size // 16 - 2, 1)


def test_kernels_are_drawn_from_the_articles_distribution():
    variables = Generator(**{**ARTICLE.generator, "channels": (64, 128, 128)}).init(
        jax.random.key(0), jnp.zeros((1, 8, 8, 3)), train=False
    )
    kernel = variables["params"]["encoder_1"]["kernel"]
    assert abs(kernel.mean()) < 2e-4
    np.testing.assert_allclose(kernel.std(), 0.02, rtol=0.01)
    assert not variables["params"]["encoder_1"]["bias"].any()


@pytest.fixture(scope="module")
def small():
    generator = Generator(**{**ARTICLE.generator, "channels": (4, 8, 8)})
    sketch = jax.random.uniform(jax.random.key(1), (4, 16, 16, 3), minval=-1, maxval=1)
    variables = generator.init(jax.random.key(0), sketch, train=False)
    # Kernels large enough for pictures that differ, small enough that rounding does not grow.
    params = jax.tree.map(lambda x: x * 8 if x.ndim == 4 else x, variables["params"])
    return generator, {**variables, "params": params}, sketch


def test_inference_gives_a_sketch_its_picture_whatever_else_is_in_the_batch(small):
    generator, variables, sketch = small
    together = generator.apply(variables, sketch, train=False)
    assert together.min() >= -1
    assert together.max() <= 1
    assert together.std() > 0.1
    for i in range(len(sketch)):
        alone = generator.apply(variables, sketch[i : i + 1], train=False)
        np.testing.assert_allclose(alone[0], together[i], atol=1e-6)


def apply_in_training(generator, variables, sketch, key):
    apply = jax.pmap(
        lambda x: generator.apply(
            variables, x, train=True, mutable=["batch_stats"], rngs={"dropout": key}
        ),
        axis_name="batch",
        devices=jax.devices()[:1],
    )
    return apply(sketch[None])


def test_dropout_is_the_noise(small):
    generator, variables, sketch = small
    first, again, other = (
        apply_in_training(generator, variables, sketch, jax.random.key(key))[0] for key in (0, 0, 1)
    )
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 0.01


def test_training_moves_the_running_averages_towards_the_batch(small):
    generator, variables, sketch = small
    _, updated = apply_in_training(generator, variables, sketch, jax.random.key(0))
    before = variables["batch_stats"]["encoder_norm_1"]["mean"]
    after = updated["batch_stats"]["encoder_norm_1"]["mean"][0]
    assert np.abs(after - before).max() > 0


GUIDED = Generator((4, 8), 0.0, 0, "resize", hints=True, palette=True)


@pytest.fixture(scope="module")
def guided():
    sketch = jax.random.uniform(jax.random.key(1), (2, 16, 16, 3), minval=-1)
    variables = GUIDED.init(jax.random.key(0), sketch, train=False)
    # As large as after some training: initial weights hardly let a bottleneck through.
    return jax.tree.map(lambda leaf: leaf * 10, variables), sketch


def test_unsaid_guidance_is_none_at_all(guided):
    variables, sketch = guided
    alone = GUIDED.apply(variables, sketch, train=False)
    nothing = jnp.zeros((2, 16, 16, 4)), jnp.zeros((2, 4, 4, 4))
    np.testing.assert_array_equal(alone, GUIDED.apply(variables, sketch, *nothing, train=False))


@pytest.mark.parametrize("kind", [0, 1])
def test_each_guidance_changes_its_own_picture_alone(guided, kind):
    variables, sketch = guided
    said = [None, None]
    said[kind] = jnp.zeros([(2, 16, 16, 4), (2, 4, 4, 4)][kind]).at[1, 3, 3].set(1.0)
    alone = GUIDED.apply(variables, sketch, train=False)
    changed = GUIDED.apply(variables, sketch, *said, train=False)
    np.testing.assert_allclose(changed[0], alone[0], atol=1e-6)
    assert np.abs(changed[1] - alone[1]).max() > 1e-3


@pytest.mark.parametrize("said", [{"hints": (2, 16, 16, 4)}, {"palette": (2, 4, 4, 4)}])
def test_a_generator_without_guidance_refuses_it(said):
    plain = Generator((4, 8), 0.0, 0, "resize")
    sketch = jnp.zeros((2, 16, 16, 3))
    (name,) = said
    said = {name: jnp.zeros(said[name])}
    with pytest.raises(ValueError, match=f"takes no {name}"):
        plain.init(jax.random.key(0), sketch, **said, train=False)


def test_noise_is_a_pictures_own():
    generator = Generator((4, 8, 8), 0.5, 2, "resize")
    sketch = jax.random.uniform(jax.random.key(1), (3, 16, 16, 3), minval=-1)
    variables = generator.init(jax.random.key(0), sketch, train=False)
    variables = jax.tree.map(lambda leaf: leaf * 10, variables)
    keys = jax.random.split(jax.random.key(2), 3)
    together = generator.apply(variables, sketch, noise=keys, train=False)
    alone = generator.apply(variables, sketch[1:2], noise=keys[1:2], train=False)
    np.testing.assert_allclose(together[1], alone[0], atol=1e-5)
    other = generator.apply(variables, sketch, noise=keys[::-1], train=False)
    assert np.abs(together[0] - other[0]).max() > 1e-3
