"""The generator: a U-Net from a sketch to its colour picture."""

from collections.abc import Sequence

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.typing import DTypeLike
from jaxtyping import Array, Float, Key

from s2c_jax.models.layers import BatchNorm, Conv, Upsample, Upsampling, dropout


class Generator(nn.Module):
    """U-Net (Ronneberger et al. 2015) in the form of pix2pix (Isola et al. 2017, section 6.1.1).

    The encoder is one 4x4 stride-2 convolution for each entry of `channels`, the last of which is
    the bottleneck; the decoder mirrors it with convolutions that double the side, and each of its
    layers is joined by the encoder's activations of the same size. Dropout in the first decoder
    layers is the noise z of G(x, z).

    A palette joins at the bottleneck: its encoding, the same everywhere, beside the encoder's
    activations.

    Attributes:
        channels: the encoder's output channels; its length is the number of times the side is
            halved.
        dropout_rate: the share of activations that dropout zeroes.
        dropout_layers: how many decoder layers, from the bottleneck on, have dropout.
        upsampling: see `layers.Upsample`.
        hints: whether it takes hints.
        palette: whether it takes palettes.
        dtype: what it computes in; parameters, statistics and the picture are float32.
    """

    channels: Sequence[int]
    dropout_rate: float
    dropout_layers: int
    upsampling: Upsampling
    hints: bool = False
    palette: bool = False
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(
        self,
        sketch: Float[Array, "batch height width 3"],
        hints: Float[Array, "batch height width 4"] | None = None,
        palette: Float[Array, "batch 4 4 4"] | None = None,
        noise: Key[Array, " batch"] | None = None,
        *,
        train: bool,
    ) -> Float[Array, "batch height width 3"]:
        """Colours sketches.

        Args:
            sketch: pictures in [-1, 1]; height and width are multiples of 2 ** len(channels).
            hints: which colour goes where, see `guidance.normalize_rgba`; None says nothing.
            palette: for each of four horizontal bands up to four colours that occur there, in the
                same form; None says nothing.
            noise: where each picture's own dropout comes from when not training: each key gives
                another colouring. None is none.
            train: True uses the batch's statistics (and updates the collection "batch_stats",
                inside a mapped axis "batch") and dropout (from the rng "dropout"); False uses the
                running averages and no dropout.

        Returns:
            Colour pictures in [-1, 1].

        Raises:
            ValueError: it was not made to take hints or a palette, and is given some.
        """
        for name, given, taken in (
            ("hints", hints, self.hints),
            ("palette", palette, self.palette),
        ):
            if given is not None and not taken:
                raise ValueError(f"this generator takes no {name}")
        x, skips = sketch, []
        if self.hints:
            unsaid = jnp.zeros((*sketch.shape[:-1], 4))
            x = jnp.concatenate([sketch, unsaid if hints is None else hints], axis=-1)
        last = len(self.channels) - 1
        for i, features in enumerate(self.channels):
            normalized = 0 < i < last
            x = Conv(
                features, size=4, stride=2, padding=1,
                dtype=self.dtype, normalized=normalized, name=f"encoder_{i}",
            )(x)  # fmt: skip
            if normalized:
                x = BatchNorm(train, name=f"encoder_norm_{i}")(x)
            x = nn.relu(x) if i == last else nn.leaky_relu(x, negative_slope=0.2)
            skips.append(x)
        if self.palette:
            if palette is None:
                palette = jnp.zeros((sketch.shape[0], 4, 4, 4))
            colors = nn.Dense(self.channels[-1], dtype=self.dtype, name="palette_0")(
                palette.reshape(-1, 64)
            )
            colors = nn.Dense(self.channels[-1], dtype=self.dtype, name="palette_1")(
                nn.leaky_relu(colors, negative_slope=0.2)
            )
            x = jnp.concatenate([x, jnp.broadcast_to(colors[:, None, None], x.shape)], axis=-1)
        for i, skip in enumerate(reversed(skips[:-1])):
            x = Upsample(
                skip.shape[-1], self.upsampling, self.dtype, normalized=True, name=f"decoder_{i}"
            )(x)
            x = BatchNorm(train, name=f"decoder_norm_{i}")(x)
            if i < self.dropout_layers:
                if noise is None:
                    x = nn.Dropout(self.dropout_rate, deterministic=not train)(x)
                else:
                    keys = jax.vmap(jax.random.fold_in, (0, None))(noise, i)
                    x = dropout(x, self.dropout_rate, keys)
            # In this order what is kept for the gradients is one array, not two.
            x = jnp.concatenate([nn.relu(x), nn.relu(skip)], axis=-1)
        x = Upsample(3, self.upsampling, self.dtype, name="output")(x)
        return jnp.tanh(x.astype(jnp.float32))
