"""What a run tells: TensorBoard, pictures, and a progress bar or plain lines."""

import sys
import time
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import tensorboardX
import tqdm
from jaxtyping import UInt8

from s2c_jax import images

# Seconds between two plain lines within an epoch.
_LINE_PERIOD = 30.0


class Report:
    """Collects a run's metrics and shows them.

    Use it in a `with`. Scalars are means over an epoch, their TensorBoard step is the number of the
    epochs done.

    Attributes:
        workdir: pictures go to samples/, events to tensorboard/.
        first_step: how many steps an earlier start has done.
        last_step: the step at which the run ends.
        steps_per_epoch: how many steps an epoch has.
        batch_size: pictures a step.
    """

    def __init__(
        self,
        workdir: Path,
        *,
        first_step: int,
        last_step: int,
        steps_per_epoch: int,
        batch_size: int,
    ) -> None:
        self._workdir = workdir
        self._first_step, self._last_step = first_step, last_step
        self._steps_per_epoch, self._batch_size = steps_per_epoch, batch_size
        self._writer = tensorboardX.SummaryWriter(
            str(workdir / "tensorboard"), purge_step=first_step // steps_per_epoch + 1
        )
        self._bar = tqdm.tqdm(
            initial=first_step,
            total=last_step,
            unit="step",
            smoothing=0.05,
            dynamic_ncols=True,
            disable=not sys.stderr.isatty(),
        )
        self._started = self._line_time = time.perf_counter()
        self._start_epoch(first_step)

    def __enter__(self) -> "Report":
        return self

    def __exit__(self, *exception: object) -> None:
        self._bar.close()
        self._writer.close()

    def _start_epoch(self, step: int) -> None:
        self._epoch_step = self._step = step
        self._epoch_time = self._step_time = time.perf_counter()
        self._waited = 0.0
        self._sums: dict[str, float] = defaultdict(float)

    def waited(self, seconds: float) -> None:
        """Counts time in which the loop waited for data."""
        self._waited += seconds

    def step(self, step: int, metrics: Mapping[str, np.ndarray]) -> None:
        """Counts the metrics of a finished step.

        Args:
            step: how many steps are done now.
            metrics: scalars by name.
        """
        self._step, self._step_time = step, time.perf_counter()
        for name, value in metrics.items():
            self._sums[name] += float(value)
        self._bar.update()
        if self._bar.disable and time.perf_counter() - self._line_time > _LINE_PERIOD:
            self._line("")

    def epoch(self, epoch: int, scalars: Mapping[str, float]) -> None:
        """Writes the epoch's means.

        Args:
            epoch: how many epochs are done now.
            scalars: what else was measured after the epoch, by name.
        """
        steps, seconds = self._step - self._epoch_step, self._step_time - self._epoch_time
        speed = {
            "speed/images_per_second": steps * self._batch_size / seconds,
            "speed/data_wait_share": self._waited / seconds,
        }
        for name, value in {**self._means(), **speed, **scalars}.items():
            self._writer.add_scalar(name, value, epoch)
        extra = "".join(f"  {name} {value:.4f}" for name, value in scalars.items())
        wait = f"  waited for data {speed['speed/data_wait_share']:.1%}"
        self._line(extra + wait, epoch)
        self._start_epoch(self._step)

    def restart_clock(self) -> None:
        """Leaves the time since the epoch's end out of the next epoch's speed."""
        self._epoch_time = time.perf_counter()

    def pictures(
        self, epoch: int, columns: Mapping[str, UInt8[np.ndarray, "n height width 3"]]
    ) -> None:
        """Writes a sheet of pictures to samples/ and TensorBoard.

        Args:
            epoch: how many epochs are done now.
            columns: pictures by title, in the order in which they stand beside each other.
        """
        sheet = images.sheet(list(columns.values()), list(columns))
        images.write_png(sheet, self._workdir / "samples" / f"epoch_{epoch:04d}.png")
        self._writer.add_image("samples", np.asarray(sheet), epoch, dataformats="HWC")
        self._writer.flush()

    def _means(self) -> dict[str, float]:
        steps = max(1, self._step - self._epoch_step)
        return {name: value / steps for name, value in self._sums.items()}

    def _line(self, extra: str, epoch: int | None = None) -> None:
        now = time.perf_counter()
        means = self._means()
        seconds_a_step = (now - self._started) / max(1, self._step - self._first_step)
        left = tqdm.tqdm.format_interval(seconds_a_step * (self._last_step - self._step))
        speed = (
            (self._step - self._epoch_step)
            * self._batch_size
            / (self._step_time - self._epoch_time)
        )
        place = (
            f"epoch {epoch}"
            if epoch is not None
            else f"epoch {self._step // self._steps_per_epoch + 1} (step {self._step})"
        )
        self._bar.write(
            f"{place} of {-(-self._last_step // self._steps_per_epoch)}"
            f"  D {means.get('discriminator_loss', 0):.3f}  G {means.get('generator_loss', 0):.3f}"
            f"{extra}  {speed:.1f} images/s  {left} left",
            file=sys.stderr,
        )
        self._line_time = now
