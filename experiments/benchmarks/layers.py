"""Times the convolutions of the article's networks, one layer at a time.

python -m experiments.benchmarks.layers

prints medians in milliseconds of the values and of both gradients, at 256 px and batch 4. It uses
nothing but `layers.conv` and `layers.conv_transpose`, and so runs at older commits too.
"""

import statistics
import time
from collections.abc import Callable

import jax

from s2c_jax.models.convolution import dispatch

# Side of the input, its channels, and the output's.
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
    """The median time of nine calls, after the one that compiles."""
    compiled = jax.jit(call)
    times = []
    for _ in range(10):
        begun = time.perf_counter()
        jax.block_until_ready(compiled(*arguments))
        times.append(time.perf_counter() - begun)
    return 1e3 * statistics.median(times[1:])


def main() -> None:
    """Times them."""
    print("| | values | input's gradient | kernel's gradient |")
    print("| --- | ---: | ---: | ---: |")
    for function, shapes in ((dispatch.conv, CONV), (dispatch.conv_transpose, CONV_TRANSPOSE)):
        for side, channels, features in shapes:
            key = jax.random.key(0)
            x = jax.random.normal(key, (4, side, side, channels))
            kernel = jax.random.normal(key, (4, 4, channels, features))

            def layer(x: jax.Array, kernel: jax.Array, function=function) -> jax.Array:
                return function(x, kernel, stride=2, padding=1)

            dy = layer(x, kernel)

            def of_input(x: jax.Array, kernel: jax.Array, dy: jax.Array, layer=layer) -> object:
                return jax.vjp(lambda x: layer(x, kernel), x)[1](dy)

            def of_kernel(x: jax.Array, kernel: jax.Array, dy: jax.Array, layer=layer) -> object:
                return jax.vjp(lambda kernel: layer(x, kernel), kernel)[1](dy)

            times = [
                milliseconds(layer, x, kernel),
                milliseconds(of_input, x, kernel, dy),
                milliseconds(of_kernel, x, kernel, dy),
            ]
            name = f"{function.__name__}, {side} px, {channels} to {features}"
            print(f"| {name} | {' | '.join(f'{each:.0f}' for each in times)} |", flush=True)


if __name__ == "__main__":
    main()
