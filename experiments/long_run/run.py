"""Trains the demo for an hour, and plots its memory and the time of a step.

python -m experiments.long_run.run --minutes 60

Reads Linux's /proc. Needs the extra `plots`.
"""

import argparse
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib.pyplot as plt
import numpy as np
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from configs import openmoji
from experiments import runs

# Seconds between two samples.
PERIOD = 10.0
# Minutes that the medians leave out: memory still grows while the run does everything for the first
# time.
WARM_UP = 5.0


class Sample(NamedTuple):
    """The resources that a process uses at a moment.

    Attributes:
        minute: minutes since its start.
        memory_mb: resident memory in MB.
        cpu_seconds: processor time since its start, over all processors.
    """

    minute: float
    memory_mb: float
    cpu_seconds: float


def sample(pid: int, begun: float) -> Sample:
    """Samples a process that began at a time in seconds since 1970."""
    # After the name in parentheses, user and system time are the twelfth and thirteenth field.
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    ticks = int(fields[11]) + int(fields[12])
    seconds = ticks / os.sysconf("SC_CLK_TCK")
    return Sample((time.time() - begun) / 60, runs.resident_kilobytes(pid) * 1024 / 1e6, seconds)


def train(workdir: Path, minutes: float) -> tuple[float, list[Sample]]:
    """Trains for some minutes, then stops with SIGTERM.

    Returns:
        The start in seconds since 1970, and the samples.
    """
    command = [sys.executable, "-m", "s2c_jax.main", "--config", "configs/openmoji.py"]
    command += ["--workdir", str(workdir), "--config.num_epochs=1000000"]
    begun = time.time()
    process = subprocess.Popen(command, cwd=runs.ROOT)
    samples = []
    while time.time() < begun + 60 * minutes:
        time.sleep(PERIOD)
        if process.poll() is not None:
            sys.exit(f"training ended by itself, with status {process.returncode}")
        samples.append(sample(process.pid, begun))
    process.send_signal(signal.SIGTERM)
    if (status := process.wait()) != 128 + signal.SIGTERM:
        sys.exit(f"training ended with status {status} after SIGTERM")
    return begun, samples


def curve(workdir: Path, name: str, begun: float) -> list[tuple[float, float]]:
    """Reads a scalar from TensorBoard's events, as pairs of minutes since the start and values."""
    events = EventAccumulator(str(workdir / "tensorboard"), size_guidance={"scalars": 0})
    events.Reload()
    return [((e.wall_time - begun) / 60, e.value) for e in events.Scalars(name)]


def quarters(points: list[tuple[float, float]]) -> list[float]:
    """Returns the medians of the four quarters after the warm-up."""
    values = [value for minute, value in points if minute > WARM_UP]
    return [round(statistics.median(part.tolist()), 1) for part in np.array_split(values, 4)]


def hourly_growth(points: list[tuple[float, float]]) -> float:
    """Returns the slope of the least-squares line after the warm-up."""
    minutes, values = zip(*(point for point in points if point[0] > WARM_UP), strict=True)
    return round(float(np.polyfit(np.array(minutes) / 60, values, 1)[0]), 2)


def plot(results: dict[str, Any]) -> plt.Figure:
    """Draws each curve over the minutes."""
    figure, panels = plt.subplots(1, 4, figsize=(15, 3.2), layout="constrained")
    titles = {
        "memory_mb": "resident memory, MB",
        "step_ms": "time of a step, ms (mean of an epoch)",
        "epoch_cpu_seconds": "processor time of an epoch, s",
        "ciede2000": "CIEDE2000 of validation pairs",
    }
    for axes, (name, title) in zip(panels, titles.items(), strict=True):
        axes.plot(*zip(*results[name], strict=True), linewidth=1)
        axes.set(title=title, xlabel="minutes")
        axes.grid(alpha=0.3)
        if name != "ciede2000":
            axes.set_ylim(0, None)
    return figure


def main() -> None:
    """Trains, writes results.json and plot.png, and prints the README's numbers."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--output", type=Path, default=Path(__file__).parent)
    flags = parser.parse_args()
    if flags.minutes < 2 * WARM_UP:
        parser.error(f"--minutes {flags.minutes:g}: at least {2 * WARM_UP:g}")
    batch_size = openmoji.get_config().batch_size
    with tempfile.TemporaryDirectory() as folder:
        workdir = Path(folder)
        begun, samples = train(workdir, flags.minutes)
        speed = curve(workdir, "speed/images_per_second", begun)
        ciede2000 = curve(workdir, "validation/ciede2000", begun)
        checkpoints = sorted(int(name) for name in os.listdir(workdir / "checkpoints"))
    ends = [minute for minute, _ in speed]
    times, _, cpu = zip(*samples, strict=True)
    epoch_cpu = np.diff(np.interp(ends, times, cpu)).tolist()
    curves = {
        "memory_mb": [(s.minute, s.memory_mb) for s in samples],
        "step_ms": [(minute, 1000 * batch_size / value) for minute, value in speed],
        "epoch_cpu_seconds": list(zip(ends[1:], epoch_cpu, strict=True)),
        "ciede2000": ciede2000,
    }
    results = {
        name: [(round(minute, 2), round(value, 2)) for minute, value in points]
        for name, points in curves.items()
    }
    flags.output.mkdir(parents=True, exist_ok=True)
    (flags.output / "results.json").write_text(json.dumps(results) + "\n")
    plot(results).savefig(flags.output / "plot.png", dpi=80)
    for name in ("memory_mb", "step_ms", "epoch_cpu_seconds"):
        print(
            f"{name}: medians of the quarters after {WARM_UP:g} minutes {quarters(curves[name])}, "
            f"growth in an hour {hourly_growth(curves[name])}"
        )
    best = min(range(len(ciede2000)), key=lambda epoch: ciede2000[epoch][1]) + 1
    print(f"{len(speed)} epochs, the best is {best}; checkpoints {checkpoints}")


if __name__ == "__main__":
    main()
