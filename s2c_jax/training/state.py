"""Everything that training changes, in one pytree."""

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
    """One network's parameters, running batch statistics and Adam state.

    Attributes:
        params: the trained parameters, float32.
        batch_stats: batch norm's running means and variances, float32.
        opt_state: the optimiser's state.
    """

    params: PyTree
    batch_stats: PyTree
    opt_state: PyTree

    @property
    def variables(self) -> dict[str, PyTree]:
        """The collections that a Flax module's `apply` takes."""
        return {"params": self.params, "batch_stats": self.batch_stats}


@flax.struct.dataclass
class TrainState:
    """Both networks, the generator's moving average, and the number of steps taken.

    Its leaves are arrays, or shapes and dtypes where nothing is computed.

    Attributes:
        step: an int32 scalar, the number of batches seen.
        generator: the generator's state.
        discriminator: the discriminator's state.
        ema: an exponential moving average of the generator's variables, or None.
    """

    step: PyTree
    generator: NetworkState
    discriminator: NetworkState
    ema: PyTree

    @property
    def colorizer(self) -> PyTree:
        """The variables of the generator that colours: the average's, or the trained one's."""
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
    """Initialises both networks.

    Args:
        key: the source of the initial weights.
        generator: the generator.
        discriminator: the discriminator.
        optimizer: the optimiser of both networks.
        image_size: the pictures' side in pixels.
        with_ema: whether the state has the generator's moving average.

    Returns:
        The state at step 0.
    """
    picture = jnp.zeros((1, image_size, image_size, 3))
    condition = jnp.zeros((1, image_size, image_size, 7 if generator.hints else 3))
    generator_key, discriminator_key = jax.random.split(key)

    def network_state(variables: Mapping[str, PyTree]) -> NetworkState:
        return NetworkState(
            params=variables["params"],
            batch_stats=variables.get("batch_stats", {}),
            opt_state=optimizer.init(variables["params"]),
        )

    generator_state = network_state(generator.init(generator_key, picture, train=False))
    return TrainState(
        step=jnp.zeros((), jnp.int32),
        generator=generator_state,
        discriminator=network_state(
            discriminator.init(discriminator_key, condition, picture, train=False)
        ),
        # Copy: donated buffers must not alias.
        ema=jax.tree.map(jnp.copy, generator_state.variables) if with_ema else None,
    )
