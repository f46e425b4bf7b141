"""The training state: a pytree of everything that training changes."""

from collections.abc import Mapping

import flax.struct
import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Key, PyTree

from s2c_jax.models.discriminator import Discriminator
from s2c_jax.models.generator import Generator


@flax.struct.dataclass
class NetworkState:
    """One network's float32 parameters and running batch statistics, and its optimiser's state."""

    params: PyTree
    batch_stats: PyTree
    opt_state: PyTree

    @property
    def variables(self) -> dict[str, PyTree]:
        """The collections that the Flax module's `apply` takes."""
        return {"params": self.params, "batch_stats": self.batch_stats}


@flax.struct.dataclass
class TrainState:
    """The states of both networks.

    Attributes:
        step: an int32 scalar, the number of steps done.
        generator: the generator's state.
        discriminator: the discriminator's state.
        ema: an exponential moving average of the generator's variables, or None.
    """

    # PyTree, not an array: jax.tree.map also makes states of shapes and of NumPy arrays.
    step: PyTree
    generator: NetworkState
    discriminator: NetworkState
    ema: PyTree

    @property
    def colorizer(self) -> PyTree:
        """The variables that colour: the moving average, or else the trained generator's."""
        return self.generator.variables if self.ema is None else self.ema


def init_state(
    key: Key[Array, ""],
    generator: Generator,
    discriminator: Discriminator,
    optimizer: optax.GradientTransformation,
    image_size: int,
    *,
    with_ema: bool,
) -> TrainState:
    """Returns the state at step 0.

    Args:
        key: the source of the initial weights.
        generator: the generator.
        discriminator: the discriminator.
        optimizer: the optimiser of both networks.
        image_size: the pictures' side in pixels.
        with_ema: whether the state has the generator's moving average.
    """
    picture = jnp.zeros((1, image_size, image_size, 3))
    condition = jnp.zeros((1, image_size, image_size, 7 if generator.hints else 3))
    generator_key, discriminator_key = jax.random.split(key)

    def network_state(variables: Mapping[str, PyTree]) -> NetworkState:
        params = variables["params"]
        return NetworkState(params, variables.get("batch_stats", {}), optimizer.init(params))

    generator_state = network_state(generator.init(generator_key, picture, train=False))
    variables = discriminator.init(discriminator_key, condition, picture, train=False)
    return TrainState(
        step=jnp.zeros((), jnp.int32),
        generator=generator_state,
        discriminator=network_state(variables),
        # Copy: donated buffers must not alias.
        ema=jax.tree.map(jnp.copy, generator_state.variables) if with_ema else None,
    )
