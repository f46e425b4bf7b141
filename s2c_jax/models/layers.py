"""Convolutions with two lowerings, and the normalisation that the networks share.

GPUs and TPUs run XLA's own convolution (`native_conv`). On CPUs its gradients are slow, so there
convolutions are matrix products (`matmul_conv`). `jax.lax.platform_dependent` chooses when the
program is lowered; callers cannot tell which one ran.
"""

import itertools
from typing import Any, Literal

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import lax
from jax.typing import DTypeLike
from jaxtyping import Array, Float, Key

from s2c_jax.distributed import BATCH_AXIS
from s2c_jax.models.convolution import add_bias, conv, conv_transpose

Upsampling = Literal["transposed", "resize"]


kernel_init = nn.initializers.normal(stddev=0.02)


# What batch norm adds to a variance before it takes the root.
EPSILON = 1e-5


class Conv(nn.Module):
    """A convolution with bias.

    Attributes:
        features: output channels.
        size: the kernel's side.
        stride: see `conv`.
        padding: see `conv`.
        dtype: what it computes in; the parameters are float32.
        normalized: a batch norm follows, which takes the bias out again. Its gradient, which is
            zero, is not summed, and rounding errors do not become Adam's steps.
    """

    features: int
    size: int
    stride: int
    padding: int
    dtype: DTypeLike = jnp.float32
    normalized: bool = False

    @nn.compact
    def __call__(
        self, x: Float[Array, "batch height width in"]
    ) -> Float[Array, "batch new_height new_width out"]:
        """Applies the convolution."""
        shape = (self.size, self.size, x.shape[-1], self.features)
        kernel = self.param("kernel", kernel_init, shape)
        bias = self.param("bias", nn.initializers.zeros, (self.features,))
        bias = lax.stop_gradient(bias) if self.normalized else bias
        x, kernel, bias = (each.astype(self.dtype) for each in (x, kernel, bias))
        return add_bias(conv(x, kernel, stride=self.stride, padding=self.padding), bias)


class Upsample(nn.Module):
    """A convolution with bias that doubles the side.

    Attributes:
        features: output channels.
        kind: "transposed" is the 4x4 stride-2 transposed convolution. "resize" repeats every pixel
            twice in both directions and convolves with a 3x3 kernel, which leaves no checkerboard
            (Odena et al. 2016). The two together are a transposed convolution too, whose 4x4 kernel
            is the 3x3 one smeared over 2x2 pixels, and are computed as that, at its cost.
        dtype: see `Conv`.
        normalized: see `Conv`.
    """

    features: int
    kind: Upsampling
    dtype: DTypeLike = jnp.float32
    normalized: bool = False

    @nn.compact
    def __call__(
        self, x: Float[Array, "batch height width in"]
    ) -> Float[Array, "batch 2*height 2*width out"]:
        """Applies the convolution."""
        size = 3 if self.kind == "resize" else 4
        kernel = self.param("kernel", kernel_init, (size, size, x.shape[-1], self.features))
        bias = self.param("bias", nn.initializers.zeros, (self.features,))
        if self.kind == "resize":
            shifts = itertools.product(range(2), repeat=2)
            smeared = sum(
                jnp.pad(kernel, ((a, 1 - a), (b, 1 - b), (0, 0), (0, 0))) for a, b in shifts
            )
            kernel = jnp.asarray(smeared)
        bias = lax.stop_gradient(bias) if self.normalized else bias
        x, kernel, bias = (each.astype(self.dtype) for each in (x, kernel, bias))
        return add_bias(conv_transpose(x, kernel, stride=2, padding=1), bias)


@jax.custom_vjp
def normalize_batch(
    x: Float[Array, "batch height width features"],
    scale: Float[Array, " features"],
    bias: Float[Array, " features"],
) -> tuple[
    Float[Array, "batch height width features"],
    Float[Array, " features"],
    Float[Array, " features"],
]:
    """Batch normalisation (Ioffe & Szegedy 2015, algorithm 1), over `BATCH_AXIS` too.

    Args:
        x: activations.
        scale: their new standard deviation.
        bias: their new mean.

    Returns:
        Normalised activations in the dtype of x, and the mean and the biased variance that were
        taken out, in float32, through which there is no gradient.
    """
    return _normalize(x, scale, bias)[0]


def _normalize(x: Array, scale: Array, bias: Array) -> tuple[Any, Any]:
    wide = x.astype(jnp.float32)
    moments = jnp.stack([wide.mean((0, 1, 2)), jnp.square(wide).mean((0, 1, 2))])
    mean, square = lax.pmean(moments, BATCH_AXIS)
    # Of a constant the difference may be rounded below zero.
    variance = jnp.maximum(0.0, square - jnp.square(mean))
    inverse = lax.rsqrt(variance + EPSILON)
    y = (wide - mean) * inverse * scale + bias
    return (y.astype(x.dtype), mean, variance), (x, scale, mean, inverse)


def _normalize_backward(kept: Any, gradients: Any) -> tuple[Array, Array, Array]:
    x, scale, mean, inverse = kept
    dy = gradients[0].astype(jnp.float32)
    normal = (x.astype(jnp.float32) - mean) * inverse
    sums = jnp.stack([dy.sum((0, 1, 2)), (dy * normal).sum((0, 1, 2))])
    count = x.size // x.shape[-1] * lax.axis_size(BATCH_AXIS)
    of_dy, of_product = lax.psum(sums, BATCH_AXIS) / count
    dx = (dy - of_dy - normal * of_product) * (inverse * scale)
    return dx.astype(x.dtype), sums[1], sums[0]


# The sums that the gradients of scale and bias are (the paper's section 3) give that of x as well.
# Left to itself JAX takes a third, of the same values times a constant, over all activations.
normalize_batch.defvjp(_normalize, _normalize_backward)


class BatchNorm(nn.Module):
    """Batch normalisation over the whole batch, on however many devices it lies.

    Attributes:
        train: True normalises by the statistics of the batch, in a mapped axis `BATCH_AXIS`, and updates
            the running averages, over about the last hundred batches; False by these.
    """

    train: bool

    @nn.compact
    def __call__(
        self, x: Float[Array, "batch height width features"]
    ) -> Float[Array, "batch height width features"]:
        """Normalises, in float32; the result has the dtype of x."""
        shape = x.shape[-1:]
        scale = self.param("scale", nn.initializers.ones, shape)
        bias = self.param("bias", nn.initializers.zeros, shape)
        mean = self.variable("batch_stats", "mean", jnp.zeros, shape)
        variance = self.variable("batch_stats", "var", jnp.ones, shape)
        if not self.train:
            y = (x - mean.value) * (lax.rsqrt(variance.value + EPSILON) * scale) + bias
            return y.astype(x.dtype)
        y, *statistics = normalize_batch(x, scale, bias)
        for running, new in zip((mean, variance), statistics, strict=True):
            running.value = 0.99 * running.value + 0.01 * new
        return y


def dropout(
    x: Float[Array, "batch height width features"], rate: float, keys: Key[Array, " batch"]
) -> Float[Array, "batch height width features"]:
    """Drops out of each picture what its own key says, whatever else is in the batch.

    Args:
        x: activations.
        rate: the share of them that becomes zero; the rest is scaled up for it.
        keys: one a picture.
    """
    kept = jax.vmap(lambda key: jax.random.bernoulli(key, 1 - rate, x.shape[1:]))(keys)
    return jnp.where(kept, x / (1 - rate), 0.0)
