"""Times the convolutions of the article's networks, one layer at a time.

python -m experiments.benchmarks.layers

prints the median milliseconds of the values and of both gradients, at 256 px and batch 4.
"""

import argparse
import functools
from collections.abc import Callable

import jax

from experiments.benchmarks.measure import median_seconds
from s2c_jax.models.convolution import dispatch

BATCH = 4
# For each layer the side of its input in pixels, the input's channels and the output's.
CONV = [(256, 3, 64), (128, 64, 128), (64, 128, 256), (32, 256, 512), (16, 512, 512), (8, 512, 512)]
CONV_TRANSPOSE = [
    (2, 1024, 512),
    (4, 1024, 512),
    (8, 1024, 512),
    (16, 1024, 256),
    (32, 512, 128),
    (64, 256, 64),
    (128, 128, 3),
]


def milliseconds(call: Callable[..., object], *arguments: jax.Array) -> float:
    """Compiles a call, and returns its median time."""
    compiled = jax.jit(call)
    return 1e3 * median_seconds(
        lambda: compiled(*arguments), jax.block_until_ready, groups=9, warm_up=1
    )


def time_layer(
    layer: Callable[[jax.Array, jax.Array], jax.Array], side: int, channels: int, features: int
) -> list[float]:
    """Returns the milliseconds of a layer's values, input gradient and kernel gradient."""
    key = jax.random.key(0)
    x = jax.random.normal(key, (BATCH, side, side, channels))
    kernel = jax.random.normal(key, (4, 4, channels, features))
    dy = layer(x, kernel)
    return [
        milliseconds(layer, x, kernel),
        milliseconds(lambda x, k, dy: jax.vjp(lambda x: layer(x, k), x)[1](dy), x, kernel, dy),
        milliseconds(lambda x, k, dy: jax.vjp(lambda k: layer(x, k), k)[1](dy), x, kernel, dy),
    ]


def main() -> None:
    """Prints a Markdown table."""
    argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    ).parse_args()
    print("| | values | input's gradient | kernel's gradient |")
    print("| --- | ---: | ---: | ---: |")
    for function, shapes in ((dispatch.conv, CONV), (dispatch.conv_transpose, CONV_TRANSPOSE)):
        layer = functools.partial(function, stride=2, padding=1)
        for side, channels, features in shapes:
            times = time_layer(layer, side, channels, features)
            name = f"{function.__name__}, {side} px, {channels} to {features}"
            print(f"| {name} | {' | '.join(f'{each:.0f}' for each in times)} |", flush=True)


if __name__ == "__main__":
    main()
