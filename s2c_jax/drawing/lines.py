"""Lines drawn from colour pictures, for people who have pictures and no sketches.

Each extractor returns ink: 0 is blank paper and 1 is a full line. The extractors are pure functions
of JAX arrays, so that training can draw on the device. Lengths are in pixels. Gains and thresholds
were chosen by eye, on the drawings of docs/lines.webp and on others of 64 to 160 pixels.
"""

import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

Color = Float[Array, "height width 3"]
Ink = Float[Array, "height width"]

# The largest distance in pixels at which a pixel contributes to a blur.
_RADIUS = 5
# Rec. 601: the weights of red, green and blue in the luma that 8-bit pictures are encoded with.
_LUMA = (0.299, 0.587, 0.114)
# The ratio of the two Gaussians, with which their difference is nearest to the Laplacian of a
# Gaussian (Marr and Hildreth 1980).
_DOG_RATIO = 1.6


def xdog(color: Color, width: Float[Array, ""]) -> Ink:
    """Draws lines where the picture is darker than around it.

    It is the extended difference of Gaussians of Winnemöller, Kyprianidis and Olsen 2012, "XDoG",
    with their soft threshold by tanh. Here the difference is divided by the wider Gaussian: a
    sketch needs the same line in a light area and in a dark one, and no tone of the area itself.

    Args:
        color: in [0, 1].
        width: the standard deviation of the narrower Gaussian, about half of a line's width.
    """
    gray = luma(color)
    narrow, wide = blur(gray, width), blur(gray, _DOG_RATIO * width)
    darker = (wide - narrow) / (wide + 0.05)
    return jnp.tanh(10.0 * jnp.maximum(darker - 0.02, 0.0))


def dodge(color: Color, width: Float[Array, ""]) -> Ink:
    """Draws lines where the luma is below the largest luma nearby.

    The picture is divided by its grey-scale dilation, as drawing programs do with the blend mode
    "colour dodge". The division removes slow shading (Gonzalez and Woods, Digital Image Processing,
    section 9.6).

    Args:
        color: in [0, 1].
        width: the standard deviation of a blur that joins fine strokes before the division.
    """
    gray = blur(luma(color), 0.4 * width)
    lightest = largest_nearby(gray, 2)
    return jnp.clip(1.3 * (1 - (gray + 0.03) / (lightest + 0.03)) - 0.1, 0.0, 1.0)


def ink(color: Color, width: Float[Array, ""]) -> Ink:
    """Keeps the black lines of a drawing that was inked, by a soft threshold.

    The threshold is on the largest channel, the value of HSV (Smith 1978), which is small for black
    and not for a dark saturated colour. The inside of a dark area is no line: a black top-hat
    (Serra 1982) keeps what is darker than something within four pixels.

    Args:
        color: in [0, 1].
        width: the standard deviation of a blur that joins fine strokes before the threshold.
    """
    value = blur(color.max(axis=-1), 0.3 * width)
    dark = jnp.clip((0.5 - value) / 0.25, 0.0, 1.0)
    return dark * jnp.clip(4 * (largest_nearby(value, 4) - value) - 0.4, 0.0, 1.0)


def borders(color: Color, width: Float[Array, ""]) -> Ink:
    """Draws a line on the border between two colours, for flat drawings without lines.

    The line is where neighbouring pixels differ in any channel. Luma alone would miss the border
    between two colours of equal luma (Di Zenzo 1986, "A note on the gradient of a multi-image").

    Args:
        color: in [0, 1].
        width: the standard deviation of the blur that makes the line wider.
    """
    change = jnp.zeros(color.shape[:2])
    for axis in (0, 1):
        step = jnp.abs(jnp.diff(color, axis=axis)).max(axis=-1)
        padding = [(0, 0), (0, 0)]
        padding[axis] = (0, 1)
        change = jnp.maximum(change, jnp.pad(step, padding))
    line = jnp.clip((change - 0.1) / 0.15, 0.0, 1.0)
    return jnp.clip(1.5 * blur(line, 0.5 * width), 0.0, 1.0)


# The extractors, by name.
EXTRACTORS: dict[str, Callable[[Color, Float[Array, ""]], Ink]] = {
    "xdog": xdog,
    "dodge": dodge,
    "ink": ink,
    "borders": borders,
}


def blur(values: Ink, sigma: Float[Array, ""]) -> Ink:
    """Blurs by a Gaussian of standard deviation `sigma`, which ends at 5 pixels.

    A sum of shifted arrays is faster here than a convolution: under `jax.vmap` with a width for
    each picture, XLA runs a convolution with as many groups as there are pictures.
    """
    offsets = jnp.arange(-_RADIUS, _RADIUS + 1)
    weights = jnp.exp(-0.5 * (offsets / jnp.maximum(sigma, 0.05)) ** 2)
    weights /= weights.sum()
    for axis in (0, 1):
        shifted = zip(weights, _shifted(values, axis, _RADIUS), strict=True)
        values = functools.reduce(jnp.add, (weight * each for weight, each in shifted))
    return values


def luma(color: Color) -> Ink:
    """Returns the luma of RGB colours, in the colours' own range (Rec. 601)."""
    return color @ jnp.array(_LUMA)


def largest_nearby(values: Ink, radius: int) -> Ink:
    """Returns the largest value in the square around each pixel: the grey-scale dilation."""
    for axis in (0, 1):
        values = functools.reduce(jnp.maximum, _shifted(values, axis, radius))
    return values


def _shifted(values: Ink, axis: int, radius: int) -> list[Ink]:
    """Returns copies that are shifted by -radius to radius pixels; edge pixels are repeated."""
    padding = [(0, 0), (0, 0)]
    padding[axis] = (radius, radius)
    padded = jnp.pad(values, padding, mode="edge")
    size = values.shape[axis]
    return [
        jax.lax.slice_in_dim(padded, start, start + size, axis=axis)
        for start in range(2 * radius + 1)
    ]
