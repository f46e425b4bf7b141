"""What the scripts of all implementations share: their command line, the timing, and the line.

Imports no framework: each script is run by a Python that may have nothing but its own.
"""

import time

START = time.perf_counter()

import argparse  # noqa: E402
import json  # noqa: E402
import resource  # noqa: E402
import statistics  # noqa: E402
from collections.abc import Callable  # noqa: E402
from typing import Any, NamedTuple  # noqa: E402

GENERATOR = (64, 128, 256, 512, 512, 512, 512, 512)
DISCRIMINATOR = (64, 128, 256, 512)


class Work(NamedTuple):
    """An implementation, ready to be timed.

    Attributes:
        train: starts a training step, and returns something to wait for.
        infer: starts to colour a batch, and returns something to wait for.
        wait: returns when it, and all that was started before, is done.
        device_memory: the device's peak in bytes; None is the process's own, on a CPU.
        compile_seconds: how long compilation took that is done already.
    """

    train: Callable[[], Any]
    infer: Callable[[], Any]
    wait: Callable[[Any], None]
    device_memory: Callable[[], int] | None = None
    compile_seconds: float = 0.0


def arguments(description: str) -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--precision", choices=("float32", "bfloat16"), default="float32")
    parser.add_argument("--steps", type=int, default=5, help="timed calls")
    parser.add_argument("--calls", type=int, default=1, help="calls between two looks at the clock")
    return parser.parse_args()


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
    seconds = _median_seconds(work.train, work.wait, options)
    line["train_images_per_second"] = round(options.batch / seconds, 3)
    line["first_step_seconds"] = round(done - START, 2)
    line["compile_seconds"] = round(work.compile_seconds + max(0.0, done - begun - seconds), 2)
    if work.device_memory:
        peak = work.device_memory()
    else:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    line["peak_memory_mb"] = round(peak / 1e6)
    seconds = _median_seconds(work.infer, work.wait, options)
    line["infer_images_per_second"] = round(options.batch / seconds, 3)
    print(json.dumps(line), flush=True)


def _median_seconds(
    call: Callable[[], Any], wait: Callable[[Any], None], options: argparse.Namespace
) -> float:
    """The median time of a call, of as many groups of calls as `options.steps`."""
    times = []
    # The first two are not counted: they compile, or find out which algorithm is the fastest.
    for _ in range(2 + options.steps):
        begun = time.perf_counter()
        for _ in range(options.calls):
            result = call()
        wait(result)
        times.append((time.perf_counter() - begun) / options.calls)
    return statistics.median(times[2:])
