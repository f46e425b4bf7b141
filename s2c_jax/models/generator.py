"""The generator: a U-Net from a sketch to its colour picture."""

from collections.abc import Sequence

import flax.linen as nn
import jax.numpy as jnp
from jax.typing import DTypeLike
from jaxtyping import Array, Float

from s2c_jax.models.layers import Conv, Upsample, Upsampling, batch_norm


class Generator(nn.Module):
    """U-Net (Ronneberger et al. 2015) in the form of pix2pix (Isola et al. 2017, section 6.1.1).

    The encoder is one 4x4 stride-2 convolution for each entry of `channels`, the last of which is
    the bottleneck; the decoder mirrors it with convolutions that double the side, and each of its
    layers is joined by the encoder's activations of the same size. Dropout in the first decoder
    layers is the noise z of G(x, z).

    Attributes:
        channels: the encoder's output channels; its length is the number of times the side is
            halved.
        dropout_rate: the share of activations that dropout zeroes.
        dropout_layers: how many decoder layers, from the bottleneck on, have dropout.
        upsampling: see `layers.Upsample`.
        dtype: what it computes in; parameters, statistics and the picture are float32.
    """

    channels: Sequence[int]
    dropout_rate: float
    dropout_layers: int
    upsampling: Upsampling
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(
        self, sketch: Float[Array, "batch height width 3"], *, train: bool
    ) -> Float[Array, "batch height width 3"]:
        """Colours sketches.

        Args:
            sketch: pictures in [-1, 1]; height and width are multiples of 2 ** len(channels).
            train: True uses the batch's statistics (and updates the collection "batch_stats",
                inside a mapped axis "batch") and dropout (from the rng "dropout"); False uses the
                running averages and no dropout.

        Returns:
            Colour pictures in [-1, 1].
        """
        x, skips = sketch, []
        last = len(self.channels) - 1
        for i, features in enumerate(self.channels):
            x = Conv(features, 4, stride=2, padding=1, dtype=self.dtype, name=f"encoder_{i}")(x)
            if 0 < i < last:
                x = batch_norm(train, dtype=self.dtype, name=f"encoder_norm_{i}")(x)
            x = nn.relu(x) if i == last else nn.leaky_relu(x, 0.2)
            skips.append(x)
        for i, skip in enumerate(reversed(skips[:-1])):
            x = Upsample(skip.shape[-1], self.upsampling, self.dtype, name=f"decoder_{i}")(x)
            x = batch_norm(train, dtype=self.dtype, name=f"decoder_norm_{i}")(x)
            if i < self.dropout_layers:
                x = nn.Dropout(self.dropout_rate, deterministic=not train)(x)
            x = nn.relu(jnp.concatenate([x, skip], axis=-1))
        x = Upsample(3, self.upsampling, self.dtype, name="output")(x)
        return jnp.tanh(x.astype(jnp.float32))
