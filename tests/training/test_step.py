"""The step: its phases, their order, and the same numbers on any number of devices."""

import functools

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax.flatten_util import ravel_pytree

from s2c_jax.distributed import BATCH_AXIS
from s2c_jax.models.discriminator import Discriminator
from s2c_jax.models.generator import Generator
from s2c_jax.models.ranges import normalize
from s2c_jax.pretrained import vgg16
from s2c_jax.training import losses
from s2c_jax.training.augment import Augmentation
from s2c_jax.training.build import map_over_devices
from s2c_jax.training.state import init_state
from s2c_jax.training.step import LossWeights
from tests.support.hlo import collectives
from tests.support.steps import ARTICLE_WEIGHTS as WEIGHTS
from tests.support.steps import NO_AUGMENTATION, make_step
from tests.support.trees import assert_trees_equal

SIZE, BATCH = 32, 8
GENERATOR = Generator((4, 8, 8), 0.0, 3, upsampling="transposed")
DISCRIMINATOR = Discriminator(channels=(4, 8))
EVERYTHING = Augmentation(
    mirror=True,
    jitter=0.1,
    zoom=0.2,
    turn=10.0,
    shift=0.1,
    redraw=0.5,
    hands=("bold", "scan", "jpeg"),
)
ADAM, DESCENT = optax.adam(1e-3, 0.5), optax.sgd(0.1)


def make_batch(devices=1):
    pictures = np.random.default_rng(0).integers(0, 256, (2, BATCH, SIZE, SIZE, 3), np.uint8)
    shape = (devices, BATCH // devices, SIZE, SIZE, 3)
    return {"sketch": pictures[0].reshape(shape), "color": pictures[1].reshape(shape)}


@functools.cache
def new_state(
    seed=0, *, generator=GENERATOR, discriminator=DISCRIMINATOR, optimizer=ADAM, averaged=False
):
    """Returns the state at step 0 on the host, so that a step donates a copy."""
    networks = generator, discriminator, optimizer
    initialize = jax.jit(lambda key: init_state(key, *networks, SIZE, with_ema=averaged))
    return jax.device_get(initialize(jax.random.key(seed)))


def compiled(
    devices=1, generator=GENERATOR, discriminator=DISCRIMINATOR, optimizer=ADAM, **settings
):
    step = make_step(generator, discriminator, optimizer, jax.random.key(7), **settings)
    return map_over_devices(step, jax.devices()[:devices])


@pytest.fixture(scope="module")
def step():
    return compiled()


def run(step, steps, devices=1, state=None):
    state, metrics = state or new_state(), []
    for _ in range(steps):
        state, values = step(state, make_batch(devices))
        metrics.append(jax.device_get(values))
    return state, metrics


def on_one_device(function):
    """Returns a phase of the step inside the mapped axis, on one device."""
    mapped = jax.pmap(
        lambda _, given: function(*given),
        axis_name=BATCH_AXIS,
        in_axes=(0, None),
        out_axes=None,
        devices=jax.devices()[:1],
    )
    return lambda *arguments: jax.device_get(mapped(jnp.zeros(1), arguments))


def make_batch_of_one_device():
    return {name: pictures[0] for name, pictures in make_batch().items()}


def test_prepare_normalizes_the_batch_and_conditions_on_the_sketch():
    step = make_step(GENERATOR, DISCRIMINATOR, ADAM, jax.random.key(7))
    batch = make_batch_of_one_device()
    prepare = on_one_device(lambda batch: step.prepare(batch, jnp.int32(0))[:3])
    sketch, color, condition = prepare(batch)
    np.testing.assert_allclose(sketch, batch["sketch"] / 127.5 - 1, atol=1e-6)
    np.testing.assert_allclose(color, batch["color"] / 127.5 - 1, atol=1e-6)
    np.testing.assert_array_equal(condition, sketch)


def test_prepare_draws_other_augmentations_in_every_step():
    key = jax.random.key(7)
    step = make_step(
        GENERATOR, DISCRIMINATOR, ADAM, key, augmentation=NO_AUGMENTATION._replace(jitter=0.1)
    )
    prepare = on_one_device(lambda batch, number: step.prepare(batch, number).sketch)
    first, again, second = (
        prepare(make_batch_of_one_device(), number) for number in map(jnp.int32, (0, 0, 1))
    )
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, second)


def test_update_discriminator_measures_the_same_losses_whether_it_updates_or_not():
    step = make_step(GENERATOR, DISCRIMINATOR, ADAM, jax.random.key(7))

    def update(state, batch):
        inputs = step.prepare(batch, jnp.int32(0))
        return step.update_discriminator(state, inputs, -inputs.color)

    before, update = new_state(), on_one_device(update)
    (left, losses_0), (updated, losses_1) = (
        update(before.replace(step=jnp.int32(number)), make_batch_of_one_device())
        for number in (0, 1)
    )
    assert_trees_equal(left, before.discriminator)
    assert not np.array_equal(
        updated.params["output"]["kernel"], before.discriminator.params["output"]["kernel"]
    )
    assert_trees_equal(losses_0, losses_1, rtol=1e-5)


def test_update_generator_lowers_the_generators_loss_on_the_same_batch():
    step = make_step(GENERATOR, DISCRIMINATOR, optax.sgd(1e-3), jax.random.key(7))

    def update(state, batch):
        inputs = step.prepare(batch, jnp.int32(0))
        generated = step.generate(state.generator, inputs)
        return step.update_generator(state.generator, state.discriminator, inputs, generated)

    state, found, update = new_state(optimizer=step.optimizer), [], on_one_device(update)
    for _ in range(4):
        network, metrics = update(state, make_batch_of_one_device())
        found.append(metrics["generator_loss"])
        state = state.replace(generator=network)
    assert found == sorted(found, reverse=True)
    assert found[-1] < found[0]


def test_discriminator_is_updated_on_odd_batches_only(step):
    state = new_state()
    for batch in range(4):
        before = jax.device_get(state)
        state, _ = step(state, make_batch())
        assert int(state.step) == batch + 1
        changed = [
            not np.array_equal(old, new)
            for old, new in zip(
                jax.tree.leaves(before.discriminator),
                jax.tree.leaves(state.discriminator),
                strict=True,
            )
        ]
        assert any(changed) == (batch % 2 == 1)
        assert not np.array_equal(
            before.generator.params["output"]["kernel"],
            state.generator.params["output"]["kernel"],
        )


@pytest.mark.slow(reason="differentiates and compiles both updates a second time")
def test_generator_is_updated_through_the_updated_discriminator():
    """Compares both updates of an odd batch with updates whose losses are written out here.

    By plain gradient descent a parameter's change is proportional to its gradient, so that the
    comparison includes small gradients.
    """
    before = jax.tree.map(jnp.asarray, new_state(optimizer=DESCENT))
    before = before.replace(step=jnp.ones((), jnp.int32))
    sketch, color = (normalize(jnp.asarray(make_batch()[key][0])) for key in ("sketch", "color"))

    def apply(network, state, params, *pictures):
        variables = {"params": params, "batch_stats": state.batch_stats}
        return network.apply(variables, *pictures, train=True, mutable=["batch_stats"])[0]

    def judge(params, picture):
        logits = apply(DISCRIMINATOR, before.discriminator, params, sketch, picture)
        return jax.nn.sigmoid(logits).mean(axis=(1, 2, 3))

    def loss_d(params, fake):
        real, generated = judge(params, color), judge(params, fake)
        on_real = -(0.9 * jnp.log(real) + 0.1 * jnp.log(1 - real)).mean()
        return 0.5 * (on_real - jnp.log(1 - generated).mean())

    def loss_g(params, judge_params):
        fake = apply(GENERATOR, before.generator, params, sketch)
        return (
            -jnp.log(judge(judge_params, fake)).mean()
            + 100 * jnp.abs(fake - color).mean()
            + 1e-4 * losses.total_variation_loss(fake)
        )

    def both_updates(_):
        fake = apply(GENERATOR, before.generator, before.generator.params, sketch)
        value_d, grads_d = jax.value_and_grad(loss_d)(before.discriminator.params, fake)
        new_d = jax.tree.map(lambda p, g: p - 0.1 * g, before.discriminator.params, grads_d)
        value_g, grads_g = jax.value_and_grad(loss_g)(before.generator.params, new_d)
        new_g = jax.tree.map(lambda p, g: p - 0.1 * g, before.generator.params, grads_g)
        return new_d, new_g, value_d, value_g

    expected = jax.pmap(both_updates, axis_name="batch", devices=jax.devices()[:1])(jnp.zeros(1))
    new_d, new_g, value_d, value_g = jax.tree.map(lambda x: x[0], jax.device_get(expected))
    state, metrics = compiled(optimizer=DESCENT)(before, make_batch())
    np.testing.assert_allclose(metrics["discriminator_loss"], value_d, rtol=1e-5)
    np.testing.assert_allclose(metrics["generator_loss"], value_g, rtol=1e-5)
    assert_trees_equal(state.discriminator.params, new_d, rtol=1e-4, atol=1e-6)
    assert_trees_equal(state.generator.params, new_g, rtol=1e-3, atol=1e-5)


def test_one_forward_pass_of_the_generator_serves_both_updates():
    calls = []

    def count(call, args, kwargs, context):
        if context.method_name == "__call__" and isinstance(context.module, Generator):
            calls.append(context.module)
        return call(*args, **kwargs)

    step = make_step(GENERATOR, DISCRIMINATOR, ADAM, key=jax.random.key(0))
    state, batch = jax.eval_shape(new_state), make_batch()
    with nn.intercept_methods(count):
        jax.eval_shape(map_over_devices(step, jax.devices()[:1]), state, batch)
    assert len(calls) == 1


@pytest.mark.slow(reason="compiles two more steps")
@pytest.mark.parametrize("ema_decay", [0.0, 0.5])
def test_colorizer_is_the_moving_average_of_the_trained_generator(ema_decay):
    step, state = compiled(ema_decay=ema_decay), new_state(averaged=ema_decay > 0)
    average = jax.device_get(state.colorizer)
    for i in range(12):
        state, _ = step(state, make_batch())
        decay = min(ema_decay, (1 + i) / (10 + i))
        average = jax.tree.map(
            lambda old, new, decay=decay: decay * old + (1 - decay) * np.asarray(new),
            average,
            state.generator.variables,
        )
    assert_trees_equal(state.colorizer, average, rtol=1e-5, atol=1e-6)


@pytest.mark.slow(reason="compiles another step")
@pytest.mark.parametrize(
    ("bad", "skipped", "moved"),
    [({"weights": WEIGHTS._replace(pixel=np.nan)}, "generator", "discriminator"),
     ({"weights": WEIGHTS._replace(pixel=np.inf)}, "generator", "discriminator"),
     ({"real_label": np.nan}, "discriminator", "generator")],
)  # fmt: skip
def test_an_update_with_a_gradient_that_is_not_finite_is_skipped_and_counted(bad, skipped, moved):
    step = compiled(update_every=1, **bad)
    before = jax.device_get(new_state())
    state, metrics = step(new_state(), make_batch())
    assert metrics["skipped_updates"] == 1
    assert_trees_equal(getattr(state, skipped).variables, getattr(before, skipped).variables)
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(state))
    kernels = (getattr(each, moved).params["output"]["kernel"] for each in (before, state))
    assert not np.array_equal(*kernels)


def test_each_loss_is_the_weighted_sum_of_its_parts(step):
    _, metrics = run(step, 1)
    parts = {name: metrics[0][f"generator_loss/{name}"] for name in ("adversarial", "pixel")}
    variation = metrics[0]["generator_loss/total_variation"]
    expected = parts["adversarial"] + 100 * parts["pixel"] + 1e-4 * variation
    np.testing.assert_allclose(metrics[0]["generator_loss"], expected, rtol=1e-6)
    real, generated = (metrics[0][f"discriminator_loss/{name}"] for name in ("real", "generated"))
    expected = 0.5 * (real + generated)
    np.testing.assert_allclose(metrics[0]["discriminator_loss"], expected, rtol=1e-6)


@pytest.mark.slow(reason="compiles the step for one and for eight devices")
def test_eight_devices_train_to_the_same_parameters_as_one():
    """Trains by gradient descent: Adam would turn a gradient's rounding errors into full steps."""
    # JPEG rounds coefficients, which makes large differences of rounding errors.
    augmentation = EVERYTHING._replace(hands=("bold", "scan"))
    descent = optax.sgd(0.01)
    start, states = jax.device_get(new_state(optimizer=descent)), {}
    for devices in (1, 8):
        step = compiled(devices, optimizer=descent, augmentation=augmentation)
        state = start
        for _ in range(20):
            state, _ = step(state, make_batch(devices))
        states[devices] = jax.device_get(state)

    def distance(network, left, right):
        a, b = (
            np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(getattr(state, network))])
            for state in (left, right)
        )
        return np.linalg.norm(a - b) / np.linalg.norm(b)

    for network in ("generator", "discriminator"):
        assert distance(network, states[8], states[1]) < 1e-5
        assert distance(network, start, states[1]) > 1e-2


@pytest.mark.slow(reason="compiles the step for eight devices")
def test_a_step_reduces_gradients_once_and_statistics_once_a_batch_norm():
    """Counts the all-reduces of the compiled program, and the numbers that they reduce."""
    generator = Generator((16, 32, 64), 0.0, 3, upsampling="resize")
    discriminator = Discriminator((16, 32))
    step = compiled(8, generator=generator, discriminator=discriminator, update_every=1)
    state = jax.eval_shape(lambda: new_state(generator=generator, discriminator=discriminator))
    program = step.lower(state, make_batch(8)).compile().as_text()
    # On GPU a condition waits for the host; a step that always updates both networks needs none.
    assert " conditional(" not in program
    found = collectives(program)
    assert {kind for kind, _ in found} == {"all-reduce"}
    sent = sum(count for _, count in found)

    def size(tree):
        return sum(leaf.size for leaf in jax.tree.leaves(tree))

    gradients = size((state.generator.params, state.discriminator.params))
    # Batch norm reduces means and variances, and as many sums for their gradients. The generator
    # runs once; the discriminator runs on the true pictures and twice on the generated ones.
    of_generator, of_discriminator = (
        2 * size(network.batch_stats) for network in (state.generator, state.discriminator)
    )
    metrics = 8
    assert gradients < sent <= gradients + of_generator + 3 * of_discriminator + metrics
    norms = sum(
        times * len(network.batch_stats)
        for network, times in ((state.generator, 1), (state.discriminator, 3))
    )
    assert len(found) <= 2 * norms + 4


def test_step_donates_the_state(step):
    state = jax.device_put(new_state(), jax.devices()[0])
    state, _ = step(state, make_batch())
    kept = state.generator.params["output"]["kernel"]
    step(state, make_batch())
    assert kept.is_deleted()


def test_training_lowers_the_pixel_loss(step):
    state, pixel_losses = new_state(), []
    batch = make_batch()
    batch["color"] = np.full_like(batch["color"], [250, 230, 40])
    for _ in range(40):
        state, metrics = step(state, batch)
        pixel_losses.append(float(metrics["generator_loss/pixel"]))
    assert pixel_losses[-1] < 0.7 * pixel_losses[0]


@pytest.mark.slow(reason="compiles a step with VGG16")
def test_all_other_settings_together_train_to_finite_parameters():
    generator = Generator((4, 8, 8), 0.5, 3, upsampling="resize")
    state = new_state(generator=generator, averaged=True)
    state, metrics = run(
        compiled(
            generator=generator,
            pooling="none",
            update_every=1,
            ema_decay=0.9,
            augmentation=EVERYTHING,
            weights=WEIGHTS._replace(feature=0.01),
            vgg=vgg16.random(),
        ),
        2,
        state=state,
    )
    assert metrics[-1]["generator_loss/feature"] > 0
    for leaf in jax.tree.leaves((metrics, jax.device_get(state))):
        assert np.isfinite(leaf).all()


def drawings(seed, count):
    """Returns outlines of rectangles, and the rectangles filled with a colour of their place."""
    rng = np.random.default_rng(seed)
    pictures = np.full((2, count, SIZE, SIZE, 3), 255, np.uint8)
    for sketch, color in zip(*pictures, strict=True):
        top, left = rng.integers(1, SIZE // 2, 2)
        bottom, right = rng.integers(SIZE // 2, SIZE - 1, 2)
        for picture in (sketch, color):
            picture[top : bottom + 1, left : right + 1] = 0
        sketch[top + 1 : bottom, left + 1 : right] = 255
        color[top + 1 : bottom, left + 1 : right] = [240, 16 * top, 16 * left]
    return pictures


@pytest.mark.slow(reason="trains three networks for 100 steps each")
def test_bfloat16_trains_closer_to_float32_than_another_seed():
    held_out = normalize(jnp.asarray(drawings(1, 32)[0]))
    colored = {}
    for name, dtype, seed in [
        ("run", jnp.float32, 0),
        ("other seed", jnp.float32, 1),
        ("bfloat16", jnp.bfloat16, 0),
    ]:
        generator = Generator((8, 16, 16), 0.0, 3, upsampling="resize", dtype=dtype)
        discriminator = Discriminator((8, 16), dtype)
        step = compiled(generator=generator, discriminator=discriminator)
        state = new_state(seed, generator=generator, discriminator=discriminator)
        pixel_losses = []
        for number in range(100):
            sketch, color = drawings((2, number), BATCH)
            state, metrics = step(state, {"sketch": sketch[None], "color": color[None]})
            pixel_losses.append(float(metrics["generator_loss/pixel"]))
        assert pixel_losses[-1] < 0.5 * pixel_losses[0]
        for leaf in jax.tree.leaves((state.generator, metrics)):
            assert leaf.dtype in (jnp.float32, jnp.int32)
        colored[name] = jax.jit(
            functools.partial(generator.clone(dtype=jnp.float32).apply, train=False)
        )(jax.device_get(state.generator.variables), held_out)

    def distance(name):
        return float(jnp.abs(colored[name] - colored["run"]).mean())

    assert 0 < distance("bfloat16") < distance("other seed")


GUIDED = GENERATOR.clone(hints=True, palette=True)


@pytest.mark.parametrize("recolor", [0.0, 1.0])
def test_hues_of_pictures_with_a_palette_turn_only_if_recolor_says_so(recolor):
    step = make_step(GUIDED, DISCRIMINATOR, ADAM, jax.random.key(7), recolor=recolor)
    palettes = np.full((BATCH, 4, 4, 3), 40, np.uint8)
    batch = make_batch_of_one_device() | {"palette": palettes}
    prepare = on_one_device(step.prepare)
    color = np.asarray(prepare(batch, jnp.int32(0)).color)
    same = (
        np.abs(color - np.asarray(normalize(jnp.asarray(batch["color"])))).max(axis=(1, 2, 3))
        < 1e-4
    )
    assert same.all() == (recolor == 0.0)
    assert same.any()


@pytest.mark.slow(reason="compiles the guided step for one and for four devices")
def test_simulated_guidance_does_not_depend_on_the_number_of_devices():
    """Random numbers belong to the example, wherever the example is computed."""
    states = []
    for devices in (1, 4):
        step = compiled(devices, GUIDED, optimizer=optax.sgd(0.01))
        state = new_state(generator=GUIDED, optimizer=optax.sgd(0.01))
        for _ in range(4):
            colors = np.arange(BATCH * 48, dtype=np.uint8).reshape(devices, -1, 4, 4, 3)
            state, _ = step(state, {**make_batch(devices), "palette": colors})
        states.append(jax.device_get(state))
    for network in ("generator", "discriminator"):
        one, four = (ravel_pytree(getattr(state, network).params)[0] for state in states)
        assert np.linalg.norm(one - four) <= 1e-5 * np.linalg.norm(one)
    # The networks learn from hints and palettes: the kernels that multiply them have changed.
    before = new_state(generator=GUIDED, optimizer=optax.sgd(0.01))
    for network, layer, channels in (
        ("generator", "encoder_0", slice(3, 7)),
        ("discriminator", "conv_0", slice(3, 7)),
        ("generator", "palette_0", slice(None)),
    ):
        old, new = (
            getattr(state, network).params[layer]["kernel"] for state in (before, states[0])
        )
        assert (old != new)[..., channels, :].any(), layer


@pytest.mark.slow(reason="compiles the guided step and trains for 30 steps")
def test_palette_loss_pulls_generated_colors_to_the_palette():
    """Trains with the palette loss alone, which a generator without palettes does not have."""
    weights = LossWeights(0.0, 0.0, 0.0, 0.0, palette=100.0)
    batch = make_batch() | {"palette": np.full((1, BATCH, 4, 4, 3), 40, np.uint8)}
    batch["sketch"][:] = 255
    step, state = compiled(generator=GUIDED, weights=weights), new_state(generator=GUIDED)
    found = []
    for _ in range(30):
        state, metrics = step(state, batch)
        found.append(float(metrics["generator_loss/palette"]))
    # Every step draws anew which half of the pictures has a palette, so compare means over steps.
    assert np.mean(found[-10:]) < 0.8 * np.mean(found[:10])
    assert "generator_loss/palette" not in compiled(weights=weights)(new_state(), make_batch())[1]
    # No true colour is exactly a palette's colour, so a reach of 0 counts no pixel.
    strict = compiled(generator=GUIDED, weights=weights, palette_reach=0.0)
    assert strict(new_state(generator=GUIDED), batch)[1]["generator_loss/palette"] == 0
    assert found[0] > 0
