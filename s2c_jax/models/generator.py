"""The generator: a U-Net from a sketch to a colour picture."""

import functools
from collections.abc import Sequence

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.typing import DTypeLike
from jaxtyping import Array, Float, Key

from s2c_jax.models.layers import BatchNorm, Conv, Upsample, Upsampling, dropout

_FeatureMaps = Float[Array, "batch _ _ _"]


class Generator(nn.Module):
    """U-Net (Ronneberger et al. 2015) in the form of pix2pix (Isola et al. 2017, section 6.1.1).

    The encoder has a 4x4 stride-2 convolution for each entry of `channels`; the last one gives the
    bottleneck. The decoder mirrors the encoder with convolutions that double height and width. A
    skip connection joins each decoder layer with the encoder's activations of the same size.
    Dropout in the first decoder layers is the noise z of G(x, z). The encoding of a palette is
    concatenated with the bottleneck's activations at every pixel.

    Attributes:
        channels: the encoder's output channels; there are as many halvings of height and width.
        dropout_rate: the share of activations that dropout zeroes.
        dropout_layers: how many decoder layers, from the bottleneck on, have dropout.
        upsampling: see `layers.Upsample`.
        hints: whether the generator takes hints.
        palette: whether the generator takes palettes.
        dtype: the dtype of the computation; parameters, statistics and the picture are float32.
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
            hints: the colour that each pixel should get, in the form of `ranges.normalize_rgba`:
                colour in [-1, 1] times alpha, and alpha in [0, 1]. None gives no hint.
            palette: up to four colours for each of four horizontal bands, in the same form. None
                gives no palette.
            noise: for inference, a key for the dropout of each picture: each key gives another
                colouring. None is no dropout.
            train: True uses the batch's statistics, updates the collection "batch_stats" (inside a
                mapped axis `BATCH_AXIS`) and draws dropout from the rng "dropout". False uses the
                running averages.

        Returns:
            Colour pictures in [-1, 1].

        Raises:
            ValueError: hints or a palette are given to a generator that takes none.
        """
        if hints is not None and not self.hints:
            raise ValueError("this generator takes no hints")
        if palette is not None and not self.palette:
            raise ValueError("this generator takes no palette")
        x = sketch
        if self.hints:
            hints = jnp.zeros((*sketch.shape[:-1], 4)) if hints is None else hints
            x = jnp.concatenate([sketch, hints], axis=-1)
        x, skips = self._encode(x, train)
        if self.palette:
            palette = jnp.zeros((sketch.shape[0], 4, 4, 4)) if palette is None else palette
            x = self._join_palette(x, palette)
        x = self._decode(x, skips, noise, train)
        x = Upsample(3, self.upsampling, self.dtype, name="output")(x)
        return jnp.tanh(x.astype(jnp.float32))

    def _encode(self, x: _FeatureMaps, train: bool) -> tuple[_FeatureMaps, list[_FeatureMaps]]:
        """Returns the bottleneck, and the activations of the layers before it."""
        conv = functools.partial(Conv, size=4, stride=2, padding=1, dtype=self.dtype)
        outputs = []
        last = len(self.channels) - 1
        for i, features in enumerate(self.channels):
            normalized = 0 < i < last
            x = conv(features, train_bias=not normalized, name=f"encoder_{i}")(x)
            if normalized:
                x = BatchNorm(train, name=f"encoder_norm_{i}")(x)
            x = nn.relu(x) if i == last else nn.leaky_relu(x, negative_slope=0.2)
            outputs.append(x)
        return x, outputs[:-1]

    def _join_palette(self, x: _FeatureMaps, palette: Float[Array, "batch 4 4 4"]) -> _FeatureMaps:
        """Returns the bottleneck, concatenated with the encoding of the palette at every pixel."""
        features = self.channels[-1]
        encoding = nn.Dense(features, dtype=self.dtype, name="palette_0")(palette.reshape(-1, 64))
        encoding = nn.leaky_relu(encoding, negative_slope=0.2)
        encoding = nn.Dense(features, dtype=self.dtype, name="palette_1")(encoding)
        return jnp.concatenate([x, jnp.broadcast_to(encoding[:, None, None], x.shape)], axis=-1)

    def _decode(
        self,
        x: _FeatureMaps,
        skips: Sequence[_FeatureMaps],
        noise: Key[Array, " batch"] | None,
        train: bool,
    ) -> _FeatureMaps:
        """Returns the decoder's last activations, concatenated with the first skip."""
        for i, skip in enumerate(reversed(skips)):
            x = Upsample(
                skip.shape[-1], self.upsampling, self.dtype, train_bias=False, name=f"decoder_{i}"
            )(x)
            x = BatchNorm(train, name=f"decoder_norm_{i}")(x)
            if i < self.dropout_layers and noise is None:
                x = nn.Dropout(self.dropout_rate, deterministic=not train)(x)
            elif i < self.dropout_layers and noise is not None:
                x = dropout(x, self.dropout_rate, jax.vmap(jax.random.fold_in, (0, None))(noise, i))
            # ReLUs before the concatenation leave one residual array instead of two.
            x = jnp.concatenate([nn.relu(x), nn.relu(skip)], axis=-1)
        return x
