"""The discriminator: a PatchGAN that judges sketch and colour picture together."""

from collections.abc import Sequence

import flax.linen as nn
import jax.numpy as jnp
from jax.typing import DTypeLike
from jaxtyping import Array, Float

from s2c_jax.models.layers import BatchNorm, Conv


class Discriminator(nn.Module):
    """PatchGAN (Isola et al. 2017, section 3.2.2) on condition and colour picture together.

    One 4x4 stride-2 convolution for each entry of `channels`, then a 2x2 convolution of the last
    entry and a 2x2 convolution to one channel, both without padding: 30x30x1 at 512 px.

    Attributes:
        channels: output channels of the stride-2 convolutions.
        dtype: what it computes in; parameters, statistics and logits are float32.
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
            condition: sketches in [-1, 1], 3 channels, and their hints, 4 more, if the generator
                takes any.
            color: true or generated colour pictures in [-1, 1].
            train: as for the generator.

        Returns:
            The map of logits: its sigmoid is each patch's probability of being real. How the map
            becomes the pair's probability is the losses' concern (`losses.log_probabilities`).
        """
        x = jnp.concatenate([condition, color], axis=-1)
        for i, features in enumerate(self.channels):
            normalized = i > 0
            x = Conv(
                features, size=4, stride=2, padding=1,
                dtype=self.dtype, normalized=normalized, name=f"conv_{i}",
            )(x)  # fmt: skip
            if normalized:
                x = BatchNorm(train, name=f"norm_{i}")(x)
            x = nn.leaky_relu(x, 0.2)
        x = Conv(
            self.channels[-1], size=2, stride=1, padding=0,
            dtype=self.dtype, normalized=True, name="patch",
        )(x)  # fmt: skip
        x = nn.leaky_relu(BatchNorm(train, name="patch_norm")(x), 0.2)
        x = Conv(1, size=2, stride=1, padding=0, dtype=self.dtype, name="output")(x)
        return x.astype(jnp.float32)
