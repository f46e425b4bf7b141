"""The networks and the training step, number by number, against the implementation in PyTorch.

PyTorch computes in float64 where single results are compared, and in float32 over twenty steps.
"""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import safetensors.torch
import torch

from configs import sketch2color
from s2c_jax.models.discriminator import Discriminator
from s2c_jax.models.generator import Generator
from s2c_jax.models.ranges import normalize
from s2c_jax.pretrained import vgg16
from s2c_jax.training.build import map_over_devices
from s2c_jax.training.state import init_state
from s2c_jax.training.step import LossWeights
from tests.parity import reference
from tests.support.steps import make_step

ARTICLE = sketch2color.get_config()
WEIGHTS = LossWeights(**{name: ARTICLE.loss[name] for name in LossWeights._fields})
# The article's networks; a smaller picture is halved fewer times.
CHANNELS = {
    size: ARTICLE.generator.channels[:depth] for size, depth in ((64, 6), (256, 8), (512, 8))
}
SIZES = list(CHANNELS)


def networks(generator_channels, discriminator_channels):
    settings = {**ARTICLE.generator, "channels": generator_channels, "dropout_rate": 0.0}
    return (
        Generator(**settings),
        Discriminator(discriminator_channels),
    )


def articles_networks(size):
    return networks(CHANNELS[size], ARTICLE.discriminator.channels)


def in_pytorch(network):
    kind = {Generator: reference.Generator, Discriminator: reference.Discriminator}
    return kind[type(network)](list(network.channels))


def parameters(module):
    """Yields each parameter's path in the package, PyTorch's tensor, and how to transpose that."""
    for name, layer in module.named_children():
        if isinstance(layer, torch.nn.BatchNorm2d):
            yield (name, "scale"), layer.weight, (0,)
            yield (name, "bias"), layer.bias, (0,)
        else:
            transposed = isinstance(layer, torch.nn.ConvTranspose2d)
            yield (name, "kernel"), layer.weight, (2, 3, 0, 1) if transposed else (2, 3, 1, 0)
            yield (name, "bias"), layer.bias, (0,)


def copy_into(module, variables):
    """Copies our weights and running averages into PyTorch's module."""
    with torch.no_grad():
        for (name, part), parameter, axes in parameters(module):
            ours = np.array(variables["params"][name][part]).transpose(np.argsort(axes))
            parameter.copy_(torch.from_numpy(ours))
        for name, layer in module.named_children():
            if isinstance(layer, torch.nn.BatchNorm2d):
                stats = variables["batch_stats"][name]
                layer.running_mean.copy_(torch.from_numpy(np.array(stats["mean"])))
                layer.running_var.copy_(torch.from_numpy(np.array(stats["var"])))
    return module


def nchw(pictures, dtype=torch.float64):
    return torch.from_numpy(np.array(pictures)).permute(0, 3, 1, 2).to(dtype)


def pictures(size, batch, seed=0):
    """Sketches and colour pictures in [-1, 1]: blocks of colour with grain.

    The grain keeps activations, and the strong colours keep |y - G(x)|, off the points where a
    gradient jumps: there, rounding alone decides on which side a number falls.
    """
    rng = np.random.default_rng(seed)
    shape = (batch, 8, 8, 3)
    sketch, color = (
        (blocks.repeat(size // 8, axis=1).repeat(size // 8, axis=2), grain)
        for blocks, grain in (
            (rng.uniform(-0.7, 0.7, shape), 0.3),
            (rng.choice([-0.85, 0.85], shape), 0.15),
        )
    )
    return jnp.asarray(
        [blocks + rng.uniform(-grain, grain, blocks.shape) for blocks, grain in (sketch, color)],
        jnp.float32,
    )


def random_variables(network, *inputs):
    """Returns initial kernels, and random biases, scales and running averages."""
    variables = network.init(jax.random.key(0), *inputs, train=False)
    rng = np.random.default_rng(1)

    def moved(path, leaf):
        part = path[-1].key
        if part == "kernel":
            return leaf
        around = 1.0 if part in ("scale", "var") else 0.0
        return jnp.asarray(around + rng.uniform(-0.3, 0.3, leaf.shape), jnp.float32)

    return jax.tree_util.tree_map_with_path(moved, variables)


def apply(network, variables, *inputs, train):
    @jax.jit
    def run(variables, *inputs):
        # BatchNorm averages a training batch's statistics over this axis, here of one device.
        return jax.vmap(
            lambda *inputs: network.apply(variables, *inputs, train=train, mutable=["batch_stats"])[
                0
            ],
            axis_name="batch",
        )(*(x[None] for x in inputs))[0]

    return np.asarray(run(variables, *inputs))


def assert_close(actual, expected, tolerance=1e-4, name=""):
    """Bounds the largest difference, relative to the largest expected value."""
    error = np.abs(actual - expected).max() / np.abs(expected).max()
    assert error < tolerance, f"{name}: {error:.2e}"


@pytest.mark.parametrize("train", [True, False], ids=["training", "inference"])
@pytest.mark.parametrize("size", SIZES)
def test_generators_agree(size, train):
    generator, _ = articles_networks(size)
    sketch = pictures(size, 2)[0]
    variables = random_variables(generator, sketch)
    theirs = copy_into(in_pytorch(generator).double(), variables).train(train)
    with torch.no_grad():
        expected = theirs(nchw(sketch)).permute(0, 2, 3, 1).numpy()
    assert expected.std() > 0.05
    assert_close(apply(generator, variables, sketch, train=train), expected)


@pytest.mark.parametrize("train", [True, False], ids=["training", "inference"])
@pytest.mark.parametrize("size", SIZES)
def test_discriminators_agree(size, train):
    _, discriminator = articles_networks(size)
    sketch, color = pictures(size, 2)
    variables = random_variables(discriminator, sketch, color)
    theirs = copy_into(in_pytorch(discriminator).double(), variables).train(train)
    with torch.no_grad():
        expected = theirs(nchw(sketch), nchw(color)).permute(0, 2, 3, 1).numpy()
    assert expected.std() > 0.003
    logits = apply(discriminator, variables, sketch, color, train=train)
    assert_close(1 / (1 + np.exp(-logits)), expected)


@pytest.fixture(scope="module")
def vgg(tmp_path_factory):
    """The same random VGG16 for both, by way of a file in torchvision's layout."""
    torch.manual_seed(0)
    theirs = reference.Vgg16()
    for layer in theirs.features:
        if isinstance(layer, torch.nn.Conv2d):
            torch.nn.init.kaiming_normal_(layer.weight)
            torch.nn.init.normal_(layer.bias, std=0.1)
    path = tmp_path_factory.mktemp("vgg") / "model.safetensors"
    safetensors.torch.save_file(theirs.state_dict(), path)
    return vgg16.load(str(path)), theirs


def test_features_agree_with_a_vgg16_in_pytorch(vgg):
    ours, theirs = vgg
    _, color = pictures(64, 2)
    with torch.no_grad():
        expected = theirs.double().block2_conv2(nchw(color)).permute(0, 2, 3, 1).numpy()
    assert_close(np.asarray(vgg16.features(ours, color)), expected, 1e-5)


def new_state(pair, optimizer):
    return init_state(jax.random.key(0), *pair, optimizer, 64, with_ema=False)


def compiled_step(pair, optimizer, vgg):
    step = make_step(*pair, optimizer, key=jax.random.key(1), weights=WEIGHTS, vgg=vgg)
    return map_over_devices(step, devices=jax.devices()[:1])


def new_trainer(pair, state, vgg, make_optimizer, dtype):
    modules = [
        copy_into(in_pytorch(network).to(dtype), trained.variables)
        for network, trained in zip(pair, (state.generator, state.discriminator))
    ]
    optimizers = [make_optimizer(module.parameters()) for module in modules]
    return reference.Trainer(*modules, vgg.to(dtype), *optimizers)


def make_batch(size, batch, seed):
    levels = np.round((np.asarray(pictures(size, batch, seed)) + 1) * 127.5).astype(np.uint8)
    return {"sketch": levels[0][None], "color": levels[1][None]}


def for_reference(batch, dtype):
    return [nchw(normalize(jnp.asarray(batch[key][0])), dtype) for key in ("sketch", "color")]


def descent_that_keeps_gradients(learning_rate):
    """Gradient descent whose state is the last gradient."""
    return optax.GradientTransformation(
        lambda params: jax.tree.map(jnp.zeros_like, params),
        lambda grads, _, params=None: (jax.tree.map(lambda g: -learning_rate * g, grads), grads),
    )


def test_every_loss_and_every_gradient_agrees(vgg):
    """The pictures have 64 px: larger ones have some activations where a gradient jumps.

    At 256 px, PyTorch's float32 gradients differ from its float64 gradients by more than 1e-3.
    """
    ours, theirs = vgg
    rate = 0.01
    optimizer = descent_that_keeps_gradients(rate)
    pair = articles_networks(64)
    # On an odd step the discriminator is updated; the generator's gradient comes through the
    # updated one.
    state = dataclasses.replace(new_state(pair, optimizer), step=jnp.ones((), jnp.int32))
    trainer = new_trainer(pair, state, theirs, lambda p: torch.optim.SGD(p, lr=rate), torch.float64)
    batch = make_batch(64, 4, seed=0)
    new, metrics = compiled_step(pair, optimizer, ours)(state, batch)
    expected = trainer.step(1, *for_reference(batch, torch.float64))
    assert metrics.keys() == expected.keys() | {"skipped_updates"}
    for name, value in expected.items():
        np.testing.assert_allclose(metrics[name], value, rtol=1e-4, err_msg=name)

    compared = 0
    for module, network in ((trainer.generator, new.generator),
                            (trainer.discriminator, new.discriminator)):  # fmt: skip
        gradients = jax.device_get(network.opt_state)
        of_kernel = {}
        for (name, part), parameter, axes in parameters(module):
            theirs_, ours_ = parameter.grad.numpy().transpose(axes), gradients[name][part]
            scale = np.linalg.norm(theirs_)
            of_kernel.setdefault(name, scale)
            if scale < 1e-9 * of_kernel[name]:
                # BatchNorm cancels this bias, so its gradient is rounding errors alone.
                scale = of_kernel[name]
            error = np.linalg.norm(ours_ - theirs_) / scale
            assert error < 1e-4, f"{name} {part}: {error:.2e}"
            compared += 1
    assert compared == len(jax.tree.leaves((new.generator.params, new.discriminator.params)))


def test_twenty_steps_agree_and_skip_the_discriminator_on_even_ones(vgg):
    """The networks are narrow: Adam's first steps follow the sign of a gradient, however small.

    The article's networks have so many small gradients that PyTorch's float32 steps are 1e-2 away
    from its float64 steps before the twentieth.
    """
    ours, theirs = vgg
    optimizer = optax.adam(ARTICLE.optimizer.learning_rate, ARTICLE.optimizer.beta1)
    pair = networks((16, 32, 64, 64), (16, 32, 64))
    state = new_state(pair, optimizer)
    trainer = new_trainer(
        pair,
        state,
        theirs,
        lambda p: torch.optim.Adam(p, lr=0.0002, betas=(0.5, 0.999)),
        torch.float32,
    )
    step = compiled_step(pair, optimizer, ours)

    def weights():
        theirs_ = trainer.discriminator.patch.weight.detach().numpy().copy()
        return np.asarray(state.discriminator.params["patch"]["kernel"]), theirs_

    skipped, discriminator_losses = [], []
    for number in range(20):
        batch = make_batch(64, 8, seed=number)
        before = weights()
        state, metrics = step(state, batch)
        expected = trainer.step(number, *for_reference(batch, torch.float32))
        for name in ("discriminator_loss", "generator_loss"):
            where = f"step {number}, {name}"
            np.testing.assert_allclose(metrics[name], expected[name], rtol=1e-3, err_msg=where)
        skipped.append([np.array_equal(*pair) for pair in zip(before, weights())])
        discriminator_losses.append(expected["discriminator_loss"])
    assert skipped == [[number % 2 == 0] * 2 for number in range(20)]
    # The losses have changed, so the agreement is not that of networks at rest.
    assert np.ptp(discriminator_losses) > 0.01
