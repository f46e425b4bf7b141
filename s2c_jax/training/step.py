"""One training step: updates the discriminator, then the generator through the discriminator.

`TrainStep.__call__` is the algorithm. Each of its phases is a method that can be called alone
inside a mapped axis `BATCH_AXIS`. Everything here is a pure function of arrays.
"""

import dataclasses
import functools
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, Int, Key, PyTree, UInt8

from s2c_jax.distributed import BATCH_AXIS
from s2c_jax.drawing import marks
from s2c_jax.models import scheduling
from s2c_jax.models.discriminator import Discriminator
from s2c_jax.models.generator import Generator
from s2c_jax.models.ranges import normalize
from s2c_jax.pretrained import vgg16
from s2c_jax.training import guidance, losses
from s2c_jax.training.augment import Augmentation, augment
from s2c_jax.training.state import NetworkState, TrainState

Batch = dict[str, UInt8[Array, "batch ..."]]
Metrics = dict[str, Float[Array, ""]]


class LossWeights(NamedTuple):
    """The weights of the generator's losses, see `losses`.

    With a feature weight of 0 the program has no VGG16. A generator without palettes has no palette
    loss.
    """

    adversarial: float
    pixel: float
    feature: float
    total_variation: float
    palette: float


class Inputs(NamedTuple):
    """One device's share of a batch, as the networks take it.

    Attributes:
        sketch: pictures in [-1, 1].
        color: their true colour pictures in [-1, 1].
        condition: the discriminator's input beside a colour picture: sketch RGB, then hint RGBA if
            the generator takes hints.
        hints: simulated hints, or None if the generator takes none.
        palettes: simulated palettes, or None if the generator takes none.
        dropout_key: the source of this device's dropout.
    """

    sketch: Float[Array, "batch height width 3"]
    color: Float[Array, "batch height width 3"]
    condition: Float[Array, "batch height width channels"]
    hints: Float[Array, "batch height width 4"] | None
    palettes: Float[Array, "batch 4 4 4"] | None
    dropout_key: Key[Array, ""]


class Generated(NamedTuple):
    """The results of one forward pass of the generator, which both updates use.

    Attributes:
        color: generated colour pictures in [-1, 1].
        vjp: maps the gradient of `color` to the gradient of the generator's parameters.
        batch_stats: the generator's updated running statistics.
    """

    color: Float[Array, "batch height width 3"]
    vjp: Callable[[Array], tuple[PyTree]]
    batch_stats: PyTree


# eq=False: the step is hashed by identity, since its key is an array.
@dataclasses.dataclass(frozen=True, eq=False)
class TrainStep:
    """The step of one device, to be mapped over the axis `BATCH_AXIS`.

    Attributes:
        generator: the generator; VGG16 computes in its dtype.
        discriminator: the discriminator.
        optimizer: the optimiser of both networks.
        key: the source of augmentation, hints, palettes and dropout, folded with the step.
        weights: the weights of the generator's losses.
        palette_reach: the largest distance of a true colour from the palette at which the palette
            loss counts the pixel, see `losses.palette_loss`.
        real_label: the discriminator's label of a real pair; less than 1 is one-sided label
            smoothing (Salimans et al. 2016, section 3.4).
        pooling: how the discriminator's map becomes probabilities, see `losses`.
        update_every: steps between updates of the discriminator: 2 updates it on the second batch,
            the fourth and so on; 0 never updates it.
        ema_decay: the decay of the moving average of the generator's variables. With 0 the state
            has no average.
        augmentation: how pairs are changed.
        recolor: the share of the palettes whose hues are turned, with those of the picture.
        vgg: the network of the feature-level loss, needed if `weights.feature` is not 0.
    """

    generator: Generator
    discriminator: Discriminator
    optimizer: optax.GradientTransformation
    key: Key[Array, ""]
    weights: LossWeights
    palette_reach: float
    real_label: float
    pooling: losses.Pooling
    update_every: int
    ema_decay: float
    augmentation: Augmentation
    recolor: float
    vgg: vgg16.Vgg16 | None

    def __call__(self, state: TrainState, batch: Batch) -> tuple[TrainState, Metrics]:
        """Trains both networks on a batch.

        Args:
            state: the state, the same on all devices.
            batch: this device's share of the batch: "sketch" and "color", uint8
                (batch, height, width, 3), and "palette", uint8 (batch, 4, 4, 3), if the generator
                takes palettes.

        Returns:
            The new state and the metrics, the same on all devices. If the norm of a network's
            gradient is not finite, the network keeps its parameters and statistics, Adam's moments
            decay as with a gradient of zero, and the metric "skipped_updates" counts the update.
        """
        inputs = self.prepare(batch, state.step)
        generated = self.generate(state.generator, inputs)
        discriminator, metrics_d = self.update_discriminator(state, inputs, generated.color)
        generator, metrics_g = self.update_generator(
            state.generator, discriminator, inputs, generated
        )
        new_state = TrainState(
            step=state.step + 1,
            generator=generator,
            discriminator=discriminator,
            ema=self.average(state, generator),
        )
        skipped = metrics_d.pop("skipped_updates") + metrics_g.pop("skipped_updates")
        metrics = {**metrics_d, **metrics_g, "skipped_updates": skipped}
        return new_state, jax.lax.pmean(metrics, BATCH_AXIS)

    def prepare(self, batch: Batch, step: Int[Array, ""]) -> Inputs:
        """Normalises and augments a batch, and simulates hints and palettes.

        The random numbers depend on `step`, the number of batches before this one.
        """
        sketch, color = normalize(batch["sketch"]), normalize(batch["color"])
        augment_key, dropout_key, guidance_key = jax.random.split(
            jax.random.fold_in(self.key, step), 3
        )
        device, devices = jax.lax.axis_index(BATCH_AXIS), jax.lax.axis_size(BATCH_AXIS)

        def example_keys(key: Key[Array, ""]) -> Key[Array, " batch"]:
            """Returns one key an example, which does not depend on how the batch is split."""
            return jax.random.split(key, devices * len(sketch)).reshape(devices, -1)[device]

        if any(self.augmentation):
            keys = example_keys(augment_key)
            sketch, color = augment(keys, sketch, color, self.augmentation)
        condition, hints, palettes = sketch, None, None
        hints_key, palettes_key = jax.random.split(guidance_key)
        if self.generator.palette:
            palettes, color = guidance.simulate_palettes_and_recolor(
                example_keys(palettes_key), batch["palette"], color, self.recolor
            )
        if self.generator.hints:
            hints = guidance.simulate_hints(example_keys(hints_key), sketch, color)
            condition = jnp.concatenate([sketch, hints], axis=-1)
        dropout_key = jax.random.fold_in(dropout_key, device)
        return Inputs(sketch, color, condition, hints, palettes, dropout_key)

    def generate(self, network: NetworkState, inputs: Inputs) -> Generated:
        """Runs the generator's forward pass, and keeps its residuals for the update."""

        def forward(params: PyTree) -> tuple[Array, PyTree]:
            color, variables = self.generator.apply(
                {"params": params, "batch_stats": network.batch_stats},
                inputs.sketch,
                inputs.hints,
                inputs.palettes,
                train=True,
                mutable=["batch_stats"],
                rngs={"dropout": inputs.dropout_key},
            )
            return color, variables["batch_stats"]

        return Generated(*jax.vjp(forward, network.params, has_aux=True))

    def update_discriminator(
        self, state: TrainState, inputs: Inputs, fake: Float[Array, "batch height width 3"]
    ) -> tuple[NetworkState, Metrics]:
        """Updates the discriminator, or only measures its losses, as `update_every` says.

        Args:
            state: the state before the step.
            inputs: from `prepare`.
            fake: the generated colour pictures, which are constants here.
        """
        update = functools.partial(self._train_discriminator, inputs, fake)
        measure = functools.partial(self._measure_discriminator, inputs, fake)
        if self.update_every < 2:
            # Choose in Python: XLA keeps a lax.cond even if its predicate is constant.
            network, found = (update if self.update_every else measure)(state.discriminator)
        else:
            is_last = state.step % self.update_every == self.update_every - 1
            network, found = jax.lax.cond(is_last, update, measure, state.discriminator)
        real, generated, skipped = found
        return network, {
            "discriminator_loss": 0.5 * (real + generated),
            "discriminator_loss/real": real,
            "discriminator_loss/generated": generated,
            "skipped_updates": skipped,
        }

    def _train_discriminator(
        self, inputs: Inputs, fake: Array, network: NetworkState
    ) -> tuple[NetworkState, tuple[Array, Array, Array]]:
        """Updates the discriminator by the gradient of the mean of its two losses.

        Returns:
            The new state; the losses BCE(D(x, y), real_label) and BCE(D(x, G(x)), 0); and 1 if the
            update was skipped, else 0.
        """
        loss_and_grads = jax.value_and_grad(self._discriminator_loss, has_aux=True)
        (real, batch_stats), real_grads = loss_and_grads(
            network.params, network.batch_stats, inputs.condition, inputs.color, self.real_label
        )
        # Order the passes, so that memory never holds the activations of both.
        fake = scheduling.depend_on_tree(fake, real_grads)
        (generated, batch_stats), fake_grads = loss_and_grads(
            network.params, batch_stats, inputs.condition, fake, 0.0
        )
        grads = jax.tree.map(lambda real, fake: 0.5 * (real + fake), real_grads, fake_grads)
        network, skipped = self._apply_gradients(network, grads, batch_stats)
        return network, (real, generated, skipped)

    def _measure_discriminator(
        self, inputs: Inputs, fake: Array, network: NetworkState
    ) -> tuple[NetworkState, tuple[Array, Array, Array]]:
        """Returns the same as `_train_discriminator`, with the state as it is."""
        loss = functools.partial(
            self._discriminator_loss, network.params, network.batch_stats, inputs.condition
        )
        real, _ = loss(inputs.color, self.real_label)
        generated, _ = loss(fake, 0.0)
        return network, (real, generated, jnp.zeros(()))

    def _discriminator_loss(
        self, params: PyTree, batch_stats: PyTree, condition: Array, color: Array, label: float
    ) -> tuple[Float[Array, ""], PyTree]:
        """Returns BCE(D(x, color), label) and the updated running statistics."""
        logits, variables = self.discriminator.apply(
            {"params": params, "batch_stats": batch_stats},
            condition,
            color,
            train=True,
            mutable=["batch_stats"],
        )
        return losses.binary_cross_entropy(logits, label, self.pooling), variables["batch_stats"]

    def update_generator(
        self,
        network: NetworkState,
        discriminator: NetworkState,
        inputs: Inputs,
        generated: Generated,
    ) -> tuple[NetworkState, Metrics]:
        """Updates the generator through the updated discriminator.

        Args:
            network: the generator's state before the step.
            discriminator: the discriminator's state after its update.
            inputs: from `prepare`.
            generated: from `generate`.
        """
        (loss, parts), color_grads = jax.value_and_grad(self._generator_loss, has_aux=True)(
            generated.color, discriminator, inputs
        )
        (grads,) = generated.vjp(color_grads)
        network, skipped = self._apply_gradients(network, grads, generated.batch_stats)
        metrics = {f"generator_loss/{name}": part for name, part in parts.items()}
        return network, {**metrics, "generator_loss": loss, "skipped_updates": skipped}

    def _generator_loss(
        self, fake: Array, discriminator: NetworkState, inputs: Inputs
    ) -> tuple[Float[Array, ""], Metrics]:
        """Returns the weighted sum of the generator's losses, and the losses by name."""
        logits, _ = self.discriminator.apply(
            discriminator.variables, inputs.condition, fake, train=True, mutable=["batch_stats"]
        )
        parts = {
            "adversarial": losses.binary_cross_entropy(logits, 1.0, self.pooling),
            "pixel": losses.pixel_loss(fake, inputs.color),
            "total_variation": losses.total_variation_loss(fake),
        }
        if inputs.palettes is not None and self.weights.palette:
            counted = marks.is_blank(inputs.sketch) & marks.is_colored(inputs.color)
            parts["palette"] = losses.palette_loss(
                fake, inputs.color, inputs.palettes, counted, self.palette_reach
            )
        if self.weights.feature:
            assert self.vgg is not None, "a feature loss needs VGG16"
            parts["feature"] = losses.feature_loss(
                vgg16.features(self.vgg, fake, self.generator.dtype),
                vgg16.features(self.vgg, inputs.color, self.generator.dtype),
            )
        total = sum(getattr(self.weights, name) * part for name, part in parts.items())
        return jnp.asarray(total), parts

    def _apply_gradients(
        self, network: NetworkState, grads: PyTree, batch_stats: PyTree
    ) -> tuple[NetworkState, Float[Array, ""]]:
        """Updates a network by the gradients' mean over the devices, if the mean is finite.

        Returns:
            The new state, and 1 if the update was skipped, else 0.
        """
        # On one device skip pmean, for which XLA would copy the gradients.
        if jax.lax.axis_size(BATCH_AXIS) > 1:
            grads = jax.lax.pmean(grads, BATCH_AXIS)
        grads = scheduling.in_parameter_layout(grads, network.params)
        # The norm makes every update wait for all gradients. Then nothing reads the old parameters
        # any more, and XLA writes the new ones into the donated buffers.
        finite = jnp.isfinite(optax.tree.norm(grads))
        grads = jax.tree.map(lambda grad: jnp.where(finite, grad, 0.0), grads)
        updates, opt_state = self.optimizer.update(grads, network.opt_state, network.params)
        params = jax.tree.map(
            lambda param, update: jnp.where(finite, param + update, param), network.params, updates
        )
        batch_stats = jax.tree.map(
            functools.partial(jnp.where, finite), batch_stats, network.batch_stats
        )
        return NetworkState(params, batch_stats, opt_state), 1.0 - finite

    def average(self, state: TrainState, generator: NetworkState) -> PyTree:
        """Returns the moving average of the updated generator's variables, or None without one."""
        assert (state.ema is not None) == (self.ema_decay > 0), "an average needs a decay"
        if state.ema is None:
            return None
        # The decay starts small, so that the average soon forgets the first steps.
        decay = jnp.minimum(self.ema_decay, (1 + state.step) / (10 + state.step))
        return optax.incremental_update(generator.variables, state.ema, 1 - decay)
