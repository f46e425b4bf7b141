"""Measures the time of each GPU kernel in a training step.

python -m experiments.benchmarks.kernels --size 512 --batch 16 --precision bfloat16

traces `--steps` steps with JAX's profiler, and prints the milliseconds of a step that each kind of
kernel takes, and the kernels that take the most time.
"""

import sys
import tempfile
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import jax

from experiments.benchmarks import measure, peer_s2c_jax

# A part of a kernel's name, and the kind of kernel; the first part that a name contains decides.
# cuDNN names its products after a convolution. A transposed convolution computes its values by the
# product "dgrad", and its input's gradient by "fprop".
KINDS = {
    "dgrad": "convolutions, dgrad",
    "wgrad": "convolutions, wgrad",
    "fprop": "convolutions, fprop",
    "cudnn": "convolutions, other kernels of cuDNN",
    "cutlass": "convolutions, other kernels of cuDNN",
    "cask": "convolutions, other kernels of cuDNN",
    "nhwc": "convolutions, padding of channels",
    "reduce": "reductions, with fused operations: batch norm, biases, losses, gradient norm",
    "transpose": "transposes",
    "memcpy": "copies",
    "memset": "memsets",
    "fusion": "elementwise: activations, batch norm, Adam",
}
# Kernels in the second table.
TOP = 12


def kernels(trace: Path) -> Counter[str]:
    """Returns the nanoseconds of each kernel of a trace, by name."""
    (file,) = trace.glob("plugins/profile/*/*.xplane.pb")
    nanoseconds: Counter[str] = Counter()
    for plane in jax.profiler.ProfileData.from_file(str(file)).planes:
        if not plane.name.startswith("/device:GPU"):
            continue
        for line in plane.lines:
            if line.name.startswith("Stream"):
                for event in line.events:
                    nanoseconds[event.name] += event.duration_ns
    return nanoseconds


def kind(kernel: str) -> str:
    """Returns the kind of a kernel, judged by its name."""
    name = kernel.lower()
    return next((purpose for part, purpose in KINDS.items() if part in name), "other")


def table(title: str, nanoseconds: Iterable[tuple[str, float]], steps: int, total: float) -> str:
    """Returns a Markdown table of milliseconds in a step, and shares of the total."""
    rows = [f"| {title} | ms | share |", "| --- | ---: | ---: |"]
    rows += [
        f"| {name} | {1e-6 * each / steps:.2f} | {each / total:.0%} |" for name, each in nanoseconds
    ]
    return "\n".join(rows)


def main() -> None:
    """Prints the two tables."""
    options = measure.parse_options(__doc__)
    if jax.default_backend() != "gpu":
        sys.exit("there is no GPU")
    work = peer_s2c_jax.prepare(options)
    for _ in range(2):
        work.wait(work.train())
    with tempfile.TemporaryDirectory() as folder:
        with jax.profiler.trace(folder):
            for _ in range(options.steps):
                last = work.train()
            work.wait(last)
        durations = kernels(Path(folder))
    kinds: Counter[str] = Counter()
    for name, nanoseconds in durations.items():
        kinds[kind(name)] += nanoseconds
    total = kinds.total()
    print(f"{1e-6 * total / options.steps:.2f} ms of kernels a step\n")
    print(table("kind of kernel", kinds.most_common(), options.steps, total), end="\n\n")
    print(table("kernel", ((name[:80], each) for name, each in durations.most_common(TOP)),
                options.steps, total))  # fmt: skip


if __name__ == "__main__":
    main()
