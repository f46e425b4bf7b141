"""The layers that both networks are made of: convolutions, batch normalisation and dropout."""

import itertools
from typing import Literal

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import lax
from jax.typing import DTypeLike
from jaxtyping import Array, Float, Key

from s2c_jax.distributed import BATCH_AXIS
from s2c_jax.models.convolution import add_bias, conv, conv_transpose
from s2c_jax.models.convolution.shapes import Input, Output

Upsampling = Literal["transposed", "resize"]

# Added to a variance before batch normalisation divides by its root.
BATCH_NORM_EPSILON = 1e-5
# The share of its old value that a running average keeps in one step.
BATCH_NORM_MOMENTUM = 0.99
# The standard deviation of initial kernels (Isola et al. 2017, section 6.2).
_KERNEL_INIT = nn.initializers.normal(stddev=0.02)


class Conv(nn.Module):
    """A convolution with bias.

    Attributes:
        features: output channels.
        size: the kernel's side.
        stride: see `convolution.conv`.
        padding: see `convolution.conv`.
        dtype: the dtype of the computation; parameters are float32.
        train_bias: False stops the bias's gradient. BatchNorm cancels the bias of a convolution
            before it, so that gradient is zero up to rounding errors, which Adam would amplify.
    """

    features: int
    size: int
    stride: int
    padding: int
    dtype: DTypeLike = jnp.float32
    train_bias: bool = True

    @nn.compact
    def __call__(self, x: Input) -> Output:
        """Applies the convolution."""
        shape = (self.size, self.size, x.shape[-1], self.features)
        kernel = self.param("kernel", _KERNEL_INIT, shape)
        bias = self.param("bias", nn.initializers.zeros, (self.features,))
        bias = bias if self.train_bias else lax.stop_gradient(bias)
        x, kernel, bias = (each.astype(self.dtype) for each in (x, kernel, bias))
        return add_bias(conv(x, kernel, stride=self.stride, padding=self.padding), bias)


class Upsample(nn.Module):
    """A convolution with bias that doubles height and width.

    Attributes:
        features: output channels.
        kind: "transposed" is the 4x4 stride-2 transposed convolution. "resize" repeats every pixel
            twice in both directions and convolves with a 3x3 kernel, which leaves no checkerboard
            (Odena et al. 2016). It is computed as a transposed convolution with a 4x4 kernel: the
            sum of the 3x3 kernel's shifts by 0 or 1 pixel. So it costs as much as "transposed".
        dtype: see `Conv`.
        train_bias: see `Conv`.
    """

    features: int
    kind: Upsampling
    dtype: DTypeLike = jnp.float32
    train_bias: bool = True

    @nn.compact
    def __call__(self, x: Input) -> Float[Array, "batch 2*height 2*width out"]:
        """Applies the convolution."""
        size = 3 if self.kind == "resize" else 4
        kernel = self.param("kernel", _KERNEL_INIT, (size, size, x.shape[-1], self.features))
        bias = self.param("bias", nn.initializers.zeros, (self.features,))
        if self.kind == "resize":
            # Repeating pixels is a transposed convolution with 2x2 ones: join it with the kernel.
            shifts = itertools.product([(0, 1), (1, 0)], repeat=2)
            kernel = jnp.asarray(sum(jnp.pad(kernel, (*shift, (0, 0), (0, 0))) for shift in shifts))
        bias = bias if self.train_bias else lax.stop_gradient(bias)
        x, kernel, bias = (each.astype(self.dtype) for each in (x, kernel, bias))
        return add_bias(conv_transpose(x, kernel, stride=2, padding=1), bias)


_Activations = Float[Array, "batch height width features"]
_Vector = Float[Array, " features"]
# The output, the mean and the variance of `normalize_batch`.
_Normalized = tuple[_Activations, _Vector, _Vector]
# x, the scale, the mean, and 1 over the root of the variance.
_Residuals = tuple[Array, Array, Array, Array]


@jax.custom_vjp
def normalize_batch(x: _Activations, scale: _Vector, bias: _Vector) -> _Normalized:
    """Batch normalisation (Ioffe & Szegedy 2015, algorithm 1) over the batches of all devices.

    Call it inside a mapped axis `BATCH_AXIS`.

    Args:
        x: activations.
        scale: the standard deviation of the output.
        bias: the mean of the output.

    Returns:
        The normalised activations in the dtype of x, and the mean and the biased variance of x,
        float32. Mean and variance have no gradient.
    """
    return _normalize(x, scale, bias)[0]


def _normalize(x: Array, scale: Array, bias: Array) -> tuple[_Normalized, _Residuals]:
    wide = x.astype(jnp.float32)
    moments = jnp.stack([wide.mean((0, 1, 2)), jnp.square(wide).mean((0, 1, 2))])
    mean, square = lax.pmean(moments, BATCH_AXIS)
    # Rounding can make the variance of constant activations negative.
    variance = jnp.maximum(0.0, square - jnp.square(mean))
    inverse = lax.rsqrt(variance + BATCH_NORM_EPSILON)
    y = (wide - mean) * inverse * scale + bias
    return (y.astype(x.dtype), mean, variance), (x, scale, mean, inverse)


def _normalize_backward(residuals: _Residuals, gradients: _Normalized) -> tuple[Array, ...]:
    x, scale, mean, inverse = residuals
    dy = gradients[0].astype(jnp.float32)
    normal = (x.astype(jnp.float32) - mean) * inverse
    sums = jnp.stack([dy.sum((0, 1, 2)), (dy * normal).sum((0, 1, 2))])
    count = x.size // x.shape[-1] * lax.axis_size(BATCH_AXIS)
    mean_dy, mean_product = lax.psum(sums, BATCH_AXIS) / count
    dx = (dy - mean_dy - normal * mean_product) * (inverse * scale)
    return dx.astype(x.dtype), sums[1], sums[0]


# The two sums that are the gradients of scale and bias (the paper's section 3) give the gradient of
# x, too. JAX's own derivative would take a third sum over all activations.
normalize_batch.defvjp(_normalize, _normalize_backward)


class BatchNorm(nn.Module):
    """Batch normalisation over the batches of all devices.

    Attributes:
        train: True normalises by the batch's statistics, inside a mapped axis `BATCH_AXIS`, and
            updates the running averages. False normalises by the running averages.
    """

    train: bool

    @nn.compact
    def __call__(self, x: _Activations) -> _Activations:
        """Normalises in float32; the result has the dtype of x."""
        shape = x.shape[-1:]
        scale = self.param("scale", nn.initializers.ones, shape)
        bias = self.param("bias", nn.initializers.zeros, shape)
        mean = self.variable("batch_stats", "mean", jnp.zeros, shape)
        variance = self.variable("batch_stats", "var", jnp.ones, shape)
        if not self.train:
            inverse = lax.rsqrt(variance.value + BATCH_NORM_EPSILON)
            return ((x - mean.value) * (inverse * scale) + bias).astype(x.dtype)
        y, *statistics = normalize_batch(x, scale, bias)
        for running, new in zip((mean, variance), statistics, strict=True):
            running.value = BATCH_NORM_MOMENTUM * running.value + (1 - BATCH_NORM_MOMENTUM) * new
        return y


def dropout(x: _Activations, rate: float, keys: Key[Array, " batch"]) -> _Activations:
    """Drops activations of each picture by its own key, independently of its batch.

    Args:
        x: activations.
        rate: the share of activations that becomes zero; the rest is divided by 1 - rate.
        keys: a key for each picture.
    """
    kept = jax.vmap(lambda key: jax.random.bernoulli(key, 1 - rate, x.shape[1:]))(keys)
    return jnp.where(kept, x / (1 - rate), 0.0)
