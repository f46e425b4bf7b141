"""Shared by the benchmarks of all implementations: the networks, command line and timing.

Imports no framework: the Python that runs an implementation may have no other framework.
"""

import argparse
import json
import resource
import statistics
import time
from collections.abc import Callable
from typing import Any, NamedTuple

# Import this module before the framework: the time to the first step includes the imports.
START = time.perf_counter()

# Output channels of the article's convolutions, from the picture inwards.
GENERATOR = (64, 128, 256, 512, 512, 512, 512, 512)
DISCRIMINATOR = (64, 128, 256, 512)


class Work(NamedTuple):
    """An implementation that is ready to be timed.

    Attributes:
        train: dispatches a training step, and returns its results.
        infer: dispatches the colouring of a batch, and returns its results.
        wait: blocks until such results, and everything dispatched before them, are computed.
        device_memory: returns the device's peak memory in bytes; None, on a CPU, stands for the
            peak memory of the process.
        compile_seconds: how long compilation before the first call took.
    """

    train: Callable[[], Any]
    infer: Callable[[], Any]
    wait: Callable[[Any], object]
    device_memory: Callable[[], int] | None = None
    compile_seconds: float = 0.0


def parse_options(description: str) -> argparse.Namespace:
    """Parses the command line of an implementation's script."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--batch", type=int, default=4)
    add_options(parser, steps=5)
    return parser.parse_args()


def add_options(parser: argparse.ArgumentParser, *, steps: int) -> None:
    """Adds the flags that step.py passes on to each implementation."""
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--precision", choices=("float32", "bfloat16"), default="float32")
    parser.add_argument("--steps", type=int, default=steps, help="timed groups of calls")
    parser.add_argument("--calls", type=int, default=1, help="calls in a timed group")


def report(name: str, device: str, options: argparse.Namespace, work: Work) -> None:
    """Times training and inference, and prints one line of JSON."""
    line: dict[str, object] = {
        "peer": name,
        "device": device,
        "size": options.size,
        "batch": options.batch,
        "precision": options.precision,
    }
    begun = time.perf_counter()
    work.wait(work.train())
    done = time.perf_counter()
    groups = {"groups": options.steps, "calls": options.calls}
    seconds = median_seconds(work.train, work.wait, **groups)
    line["train_images_per_second"] = round(options.batch / seconds, 3)
    line["first_step_seconds"] = round(done - START, 2)
    line["compile_seconds"] = round(work.compile_seconds + max(0.0, done - begun - seconds), 2)
    if work.device_memory:
        peak = work.device_memory()
    else:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    line["peak_memory_mb"] = round(peak / 1e6)
    seconds = median_seconds(work.infer, work.wait, **groups)
    line["infer_images_per_second"] = round(options.batch / seconds, 3)
    print(json.dumps(line), flush=True)


def median_seconds(
    call: Callable[[], Any],
    wait: Callable[[Any], object],
    *,
    groups: int,
    calls: int = 1,
    warm_up: int = 2,
) -> float:
    """Returns the median over groups of the mean time of a call.

    Args:
        call: dispatches work, and returns its results.
        wait: blocks until these results are computed.
        groups: how many groups are timed.
        calls: calls in a group, at whose end alone `wait` is called.
        warm_up: groups before the timed ones, which compile or choose the fastest algorithm.
    """
    times = []
    for _ in range(warm_up + groups):
        begun = time.perf_counter()
        for _ in range(calls):
            result = call()
        wait(result)
        times.append((time.perf_counter() - begun) / calls)
    return statistics.median(times[warm_up:])


def flop(size: int) -> tuple[float, float]:
    """Returns the floating-point operations of one picture: of a training step, and of inference.

    Counts the convolutions by their definition, whatever algorithm computes them, and nothing else.
    Training has three products for each layer (the values and both gradients) of the generator, and
    of the discriminator for the true and the generated picture, and two products for each layer of
    the updated discriminator.
    """
    generator = discriminator = 0
    inputs, side = 3, size
    for outputs in GENERATOR:
        side //= 2
        generator += 2 * side**2 * 16 * inputs * outputs
        inputs = outputs
    for outputs in (*GENERATOR[-2::-1], 3):
        generator += 2 * side**2 * 16 * inputs * outputs
        inputs, side = 2 * outputs, 2 * side
    inputs, side = 6, size
    for outputs in DISCRIMINATOR:
        side //= 2
        discriminator += 2 * side**2 * 16 * inputs * outputs
        inputs = outputs
    for outputs in (inputs, 1):
        side -= 1
        discriminator += 2 * side**2 * 4 * inputs * outputs
    return 3 * generator + 8 * discriminator, generator
