"""One training step: the discriminator, then the generator through the updated discriminator."""

import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, PyTree, UInt8

from s2c_jax import guidance, losses
from s2c_jax.augment import augment, normalize
from s2c_jax.models import vgg16
from s2c_jax.models.discriminator import Discriminator
from s2c_jax.models.generator import Generator
from s2c_jax.train_state import NetworkState, TrainState

Batch = dict[str, UInt8[Array, "batch ..."]]
Metrics = dict[str, Float[Array, ""]]


class LossWeights(NamedTuple):
    """The weights of the generator's losses, and the label that a real pair gets.

    Attributes:
        adversarial: of BCE(D(x, G(x)), 1).
        pixel: of the pixel-level loss.
        feature: of the feature-level loss; 0 leaves VGG16 out of the program.
        total_variation: of the total variation.
        real_label: one-sided label smoothing (Salimans et al. 2016, section 3.4); 1 is none.
        palette: of the distance to the palette, of a generator that takes palettes.
    """

    adversarial: float
    pixel: float
    feature: float
    total_variation: float
    real_label: float
    palette: float = 0.0


class Augmentation(NamedTuple):
    """The settings of `augment.augment`; the default is none."""

    mirror: bool = False
    jitter: float = 0.0


def make_train_step(
    generator: Generator,
    discriminator: Discriminator,
    optimizer: optax.GradientTransformation,
    *,
    key: Array,
    weights: LossWeights,
    pooling: losses.Pooling = "mean",
    discriminator_period: int = 2,
    ema_decay: float = 0.0,
    augmentation: Augmentation = Augmentation(),  # noqa: B008
    vgg: vgg16.Vgg16 | None = None,
) -> Callable[[TrainState, Batch], tuple[TrainState, Metrics]]:
    """Builds the pure step of one device, to be mapped over the axis "batch".

    Args:
        generator: the generator; VGG16 computes in its dtype.
        discriminator: the discriminator.
        optimizer: the optimiser of both networks.
        key: where augmentation, hints, palettes and dropout come from, folded with the step.
        weights: the losses' weights.
        pooling: how the discriminator's map becomes probabilities.
        discriminator_period: the discriminator is updated on the last of every this many batches;
            with 2 it is left alone on even batches (0-based) and updated on odd ones. With 0 it is
            left alone on all.
        ema_decay: of the moving average of the generator's variables; 0 is no average, and the
            state has none. It starts small, so that the first steps are soon forgotten.
        augmentation: what happens to the pictures first.
        vgg: the network of the feature-level loss, needed if `weights.feature` is not 0.

    Returns:
        A function from a state and this device's share of the batch ("sketch", "color", and
        "palette" if the generator takes palettes: see `input_pipeline.train_batches`) to the new
        state and the metrics, both equal on all devices. A network whose gradient has no finite
        norm keeps its parameters and statistics (for Adam's moments the gradient is zero), and is
        counted in the metric "skipped_updates".
    """

    def discriminator_loss(
        params: PyTree, batch_stats: PyTree, condition: Array, color: Array, label: float
    ) -> tuple[Array, PyTree]:
        logits, variables = discriminator.apply(
            {"params": params, "batch_stats": batch_stats},
            condition, color, train=True, mutable=["batch_stats"],
        )  # fmt: skip
        return losses.binary_cross_entropy(logits, label, pooling), variables["batch_stats"]

    def generator_loss(
        fake: Array, judge: NetworkState, condition: Array, color: Array, palettes: Array | None
    ) -> tuple[Array, Metrics]:
        logits, _ = discriminator.apply(
            judge.variables, condition, fake, train=True, mutable=["batch_stats"]
        )
        parts = {
            "adversarial": losses.binary_cross_entropy(logits, 1.0, pooling),
            "pixel": losses.pixel_loss(fake, color),
            "total_variation": losses.total_variation_loss(fake),
        }
        if palettes is not None and weights.palette:
            # Of a sketch the condition's first channels.
            asked = guidance.is_blank(condition[..., :3]) & guidance.is_colored(color)
            parts["palette"] = losses.palette_loss(fake, palettes, asked)
        if weights.feature:
            assert vgg is not None, "a feature loss needs VGG16"
            parts["feature"] = losses.feature_loss(
                vgg16.features(vgg, fake, generator.dtype),
                vgg16.features(vgg, color, generator.dtype),
            )
        total = sum(getattr(weights, name) * part for name, part in parts.items())
        return jnp.asarray(total), parts

    def update(
        network: NetworkState, grads: PyTree, batch_stats: PyTree
    ) -> tuple[NetworkState, Array]:
        if jax.lax.axis_size("batch") > 1:  # XLA would copy them even for one device.
            grads = jax.lax.pmean(grads, "batch")
        # On GPUs gradients of kernels come in another order of axes, in which XLA would compute the
        # update, turning parameters and moments into it, and back. Flat ones have no such order.
        flat = jax.lax.optimization_barrier(jax.tree.map(jnp.ravel, grads))
        grads = jax.tree.map(lambda grad, param: grad.reshape(param.shape), flat, network.params)
        # No update starts before all gradients are there. XLA needs that too, to know that nothing
        # reads the old parameters any more, and that their memory can take the new ones.
        finite = jnp.isfinite(optax.tree.norm(grads))
        grads = jax.tree.map(lambda grad: jnp.where(finite, grad, 0.0), grads)
        updates, opt_state = optimizer.update(grads, network.opt_state, network.params)
        params = jax.tree.map(
            lambda param, step: jnp.where(finite, param + step, param), network.params, updates
        )
        batch_stats = jax.tree.map(
            functools.partial(jnp.where, finite), batch_stats, network.batch_stats
        )
        return NetworkState(params, batch_stats, opt_state), 1.0 - finite

    def train_step(state: TrainState, batch: Batch) -> tuple[TrainState, Metrics]:
        assert (state.ema is not None) == (ema_decay > 0), "an average needs a decay"
        sketch, color = normalize(batch["sketch"]), normalize(batch["color"])
        augment_key, dropout_key, guidance_key = jax.random.split(
            jax.random.fold_in(key, state.step), 3
        )
        device, devices = jax.lax.axis_index("batch"), jax.lax.axis_size("batch")

        def example_keys(key: Array) -> Array:
            """Returns this device's share of keys that do not depend on how a batch is split."""
            return jax.random.split(key, devices * len(sketch)).reshape(devices, -1)[device]

        if any(augmentation):
            sketch, color = augment(
                example_keys(augment_key), sketch, color, **augmentation._asdict()
            )
        hints = palettes = None
        hints_key, palettes_key = jax.random.split(guidance_key)
        condition = sketch
        if generator.palette:
            palettes, color = guidance.training_palettes(
                example_keys(palettes_key), batch["palette"], color
            )
        if generator.hints:
            hints = guidance.training_hints(example_keys(hints_key), sketch, color)
            condition = jnp.concatenate([sketch, hints], axis=-1)

        def generate(params: PyTree) -> tuple[Array, PyTree]:
            fake, variables = generator.apply(
                {"params": params, "batch_stats": state.generator.batch_stats},
                sketch, hints, palettes, train=True, mutable=["batch_stats"],
                rngs={"dropout": jax.random.fold_in(dropout_key, device)},
            )  # fmt: skip
            return fake, variables["batch_stats"]

        fake, generator_gradient, generator_stats = jax.vjp(
            generate, state.generator.params, has_aux=True
        )

        def updated(network: NetworkState) -> tuple[NetworkState, Metrics, Array]:
            learn = jax.value_and_grad(discriminator_loss, has_aux=True)
            (real, batch_stats), real_grads = learn(
                network.params, network.batch_stats, condition, color, weights.real_label
            )
            # The generated pictures wait for what the true ones teach, so that activations of both
            # are not in memory together. To pass on what is not finite changes nothing: there is no
            # update then. XLA's CPU back end heeds no optimization_barrier.
            waiting = jnp.where(jnp.isfinite(optax.tree.norm(real_grads)), fake, jnp.nan)
            (generated, batch_stats), fake_grads = learn(
                network.params, batch_stats, condition, waiting, 0.0
            )
            grads = jax.tree.map(lambda one, other: 0.5 * (one + other), real_grads, fake_grads)
            new, skipped = update(network, grads, batch_stats)
            return new, {"real": real, "generated": generated}, skipped

        def left_alone(network: NetworkState) -> tuple[NetworkState, Metrics, Array]:
            variables = network.params, network.batch_stats
            real, _ = discriminator_loss(*variables, condition, color, weights.real_label)
            generated, _ = discriminator_loss(*variables, condition, fake, 0.0)
            return network, {"real": real, "generated": generated}, jnp.zeros(())

        if discriminator_period < 2:  # XLA would keep the condition.
            always = updated if discriminator_period else left_alone
            new_discriminator, parts_d, skipped_d = always(state.discriminator)
        else:
            new_discriminator, parts_d, skipped_d = jax.lax.cond(
                state.step % discriminator_period == discriminator_period - 1,
                updated,
                left_alone,
                state.discriminator,
            )
        (loss_g, parts_g), fake_grads = jax.value_and_grad(generator_loss, has_aux=True)(
            fake, new_discriminator, condition, color, palettes
        )
        (grads,) = generator_gradient(fake_grads)
        new_generator, skipped_g = update(state.generator, grads, generator_stats)
        ema = None
        if state.ema is not None:
            decay = jnp.minimum(ema_decay, (1 + state.step) / (10 + state.step))
            ema = optax.incremental_update(new_generator.variables, state.ema, 1 - decay)
        new_state = TrainState(
            step=state.step + 1,
            generator=new_generator,
            discriminator=new_discriminator,
            ema=ema,
        )
        loss_d = 0.5 * (parts_d["real"] + parts_d["generated"])
        metrics = {"discriminator_loss": loss_d, "generator_loss": loss_g}
        metrics["skipped_updates"] = skipped_d + skipped_g
        metrics |= {f"discriminator_loss/{name}": part for name, part in parts_d.items()}
        metrics |= {f"generator_loss/{name}": part for name, part in parts_g.items()}
        return new_state, jax.lax.pmean(metrics, "batch")

    return train_step


def pmap_train_step(
    train_step: Callable[[TrainState, Batch], tuple[TrainState, Metrics]],
    devices: Sequence[jax.Device] | None = None,
) -> Any:
    """Maps a step over devices.

    Args:
        train_step: from `make_train_step`.
        devices: None is all of them.

    Returns:
        A function of a state, which is replicated and donated, and a batch whose arrays have a
        leading axis of devices; compiled when it is called, or before by its `lower`.
    """
    return jax.pmap(
        train_step,
        axis_name="batch",
        in_axes=(None, 0),
        out_axes=None,
        donate_argnums=0,
        devices=devices,
    )
