"""The discriminator: a PatchGAN that judges a sketch and a colour picture together."""

import functools
from collections.abc import Sequence

import flax.linen as nn
import jax.numpy as jnp
from jax.typing import DTypeLike
from jaxtyping import Array, Float

from s2c_jax.models.layers import BatchNorm, Conv


class Discriminator(nn.Module):
    """PatchGAN (Isola et al. 2017, section 3.2.2) on a condition and a colour picture.

    It has a 4x4 stride-2 convolution for each entry of `channels`, a 2x2 convolution to as many
    channels as the last entry, and a 2x2 convolution to one channel. The 2x2 convolutions have no
    padding, so the map is 30x30x1 at 512 px with four entries.

    Attributes:
        channels: output channels of the stride-2 convolutions.
        dtype: the dtype of the computation; parameters, statistics and logits are float32.
    """

    channels: Sequence[int]
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(
        self,
        condition: Float[Array, "batch height width channels"],
        color: Float[Array, "batch height width 3"],
        *,
        train: bool,
    ) -> Float[Array, "batch patch_rows patch_columns 1"]:
        """Judges pairs.

        Args:
            condition: sketches in [-1, 1], 3 channels, then 4 channels of hints if the generator
                takes hints.
            color: true or generated colour pictures in [-1, 1].
            train: see `Generator.__call__`.

        Returns:
            The map of logits. The sigmoid of a logit is the probability that its patch is real.
            `losses.log_probabilities` pools the map to the probability of the pair.
        """
        strided = functools.partial(Conv, size=4, stride=2, padding=1, dtype=self.dtype)
        unpadded = functools.partial(Conv, size=2, stride=1, padding=0, dtype=self.dtype)
        x = jnp.concatenate([condition, color], axis=-1)
        for i, features in enumerate(self.channels):
            normalized = i > 0
            x = strided(features, train_bias=not normalized, name=f"conv_{i}")(x)
            if normalized:
                x = BatchNorm(train, name=f"norm_{i}")(x)
            x = nn.leaky_relu(x, 0.2)
        x = unpadded(self.channels[-1], train_bias=False, name="patch")(x)
        x = nn.leaky_relu(BatchNorm(train, name="patch_norm")(x), 0.2)
        return unpadded(1, name="output")(x).astype(jnp.float32)
