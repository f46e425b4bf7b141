"""Reports on a run: TensorBoard, sheets of samples, and a progress bar or plain lines."""

import collections
import contextlib
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import jax
import numpy as np
import tensorboardX
import tqdm
from jaxtyping import Array, Float, UInt8

from s2c_jax import distributed, files
from s2c_jax.drawing import image_files, sheets
from s2c_jax.errors import UserError

# Steps that may be queued on the devices: enough to keep them busy, few enough that the queue takes
# little memory and the displayed progress is true.
_STEPS_IN_FLIGHT = 2
# Seconds between two plain lines within an epoch.
_LINE_PERIOD = 30.0
# Metrics of the validation pairs that an epoch's line shows; TensorBoard shows all.
_METRICS_IN_LINE = ("mae", "ciede2000")


class Report:
    """Collects a run's losses and metrics, and shows them. Use it as a context manager.

    Only the primary process shows and writes. TensorBoard's scalars are means over an epoch, and
    their step is the number of epochs done. A terminal shows a progress bar. Other outputs get a
    line every `_LINE_PERIOD` seconds. Both get a line for each epoch.
    """

    def __init__(
        self,
        workdir: Path,
        first_step: int,
        last_step: int,
        steps_per_epoch: int,
        batch_size: int,
        *,
        skip_not_finite: bool,
    ) -> None:
        """Opens TensorBoard's file and the progress bar.

        Args:
            workdir: the run's folder, with samples/ for sheets and tensorboard/ for events.
            first_step: the number of steps that earlier starts of the run have done.
            last_step: the step at which the run ends.
            steps_per_epoch: the number of steps of an epoch.
            batch_size: pairs a step, over all devices.
            skip_not_finite: whether steps with a skipped update are counted and left out of the
                means. Otherwise the first of them raises an error.
        """
        self._workdir = workdir
        self._first_step = first_step
        self._last_step = last_step
        self._steps_per_epoch = steps_per_epoch
        self._batch_size = batch_size
        self._skip_not_finite = skip_not_finite
        self._writer = tensorboardX.SummaryWriter(
            str(workdir / "tensorboard"),
            # Drop an earlier start's events of epochs that are trained again.
            purge_step=first_step // steps_per_epoch + 1,
            write_to_disk=distributed.is_primary(),
        )
        self._bar = tqdm.tqdm(
            initial=first_step,
            total=last_step,
            unit="step",
            dynamic_ncols=True,
            disable=not (sys.stderr.isatty() and distributed.is_primary()),
        )
        self._in_flight: collections.deque[tuple[int, Mapping[str, Array]]] = collections.deque()
        self._step = first_step
        self._run_start = self._last_line = time.perf_counter()
        self._begin_epoch()

    def __enter__(self) -> "Report":
        return self

    def __exit__(self, exception: object, *_: object) -> None:
        if exception is None:
            self.drain()
            if self._step > self._epoch_step:
                self._print_step_line()
        self._bar.close()
        self._writer.close()

    def _begin_epoch(self) -> None:
        """Resets what is measured over an epoch."""
        self._epoch_step = self._step
        # Set when the first batch is requested, so that the time between epochs is not counted.
        self._epoch_start: float | None = None
        self._last_fetch = 0.0
        self._seconds_waited = 0.0
        self._skipped = 0
        self._sums: dict[str, float] = collections.defaultdict(float)

    @contextlib.contextmanager
    def waiting(self) -> Iterator[None]:
        """Counts the time within the context as waiting for data."""
        start = time.perf_counter()
        if self._epoch_start is None:
            self._epoch_start = start
        yield
        self._seconds_waited += time.perf_counter() - start

    def log_step(self, step: int, losses: Mapping[str, Float[Array, ""]]) -> None:
        """Queues a step's losses. A later call fetches them, since fetching waits for the devices.

        Args:
            step: the step's number, from 1 on.
            losses: scalars by name, on the devices, and "skipped_updates".

        Raises:
            UserError: see `drain`.
        """
        self._in_flight.append((step, losses))
        self._fetch(_STEPS_IN_FLIGHT)

    def drain(self) -> None:
        """Fetches the losses of all steps so far.

        Raises:
            UserError: a step has a skipped update, and `skip_not_finite` is not set.
        """
        self._fetch(0)

    def log_epoch(self, epoch: int, metrics: Mapping[str, float]) -> None:
        """Writes the epoch's means to TensorBoard, prints its line, and begins the next epoch.

        Args:
            epoch: the number of epochs done.
            metrics: metrics of the validation pairs; empty if they were not measured.

        Raises:
            UserError: see `drain`.
        """
        self.drain()
        speed = {
            "speed/images_per_second": self._images_per_second(),
            "speed/data_wait_share": self._seconds_waited / self._epoch_seconds(),
        }
        validation = {f"validation/{name}": value for name, value in metrics.items()}
        skipped = {"skipped_steps": self._skipped} if self._skip_not_finite else {}
        for name, value in {**self._means(), **speed, **skipped, **validation}.items():
            self._writer.add_scalar(name, value, epoch)
        shown = [name for name in _METRICS_IN_LINE if name in metrics]
        extra = "".join(f"  validation/{name} {metrics[name]:.4f}" for name in shown)
        wait = f"  waited for data {speed['speed/data_wait_share']:.1%}"
        self._print_line(f"epoch {epoch}", extra + wait)
        self._begin_epoch()

    def log_images(
        self, epoch: int, columns: Mapping[str, UInt8[np.ndarray, "count height width 3"]]
    ) -> None:
        """Writes a sheet of samples to samples/ and to TensorBoard.

        Args:
            epoch: the number of epochs done.
            columns: the sheet's columns from left to right: pictures by title, RGB in [0, 255].

        Raises:
            UserError: the sheet cannot be written.
        """
        if not distributed.is_primary():
            return
        sheet = sheets.sheet(list(columns.values()), list(columns))
        path = self._workdir / "samples" / f"epoch_{epoch:04d}.png"
        with files.writing(path):
            image_files.write_png(sheet, path)
        self._writer.add_image("samples", np.asarray(sheet), epoch, dataformats="HWC")
        self._writer.flush()

    def _fetch(self, in_flight: int) -> None:
        """Fetches the losses of the oldest steps until at most `in_flight` steps are queued."""
        while len(self._in_flight) > in_flight:
            step, device_losses = self._in_flight.popleft()
            losses = dict(jax.device_get(device_losses))
            skipped = bool(losses.pop("skipped_updates"))
            if skipped and not self._skip_not_finite:
                raise UserError(
                    f"step {step}: the gradient is not finite (D {losses['discriminator_loss']:g}, "
                    f"G {losses['generator_loss']:g}). Earlier checkpoints in {self._workdir} are "
                    "sound. TensorBoard has the losses of the epochs before: lower the weight of "
                    "the loss that grew, or config.optimizer.learning_rate, or set "
                    "config.optimizer.skip_not_finite"
                )
            self._step = step
            self._skipped += skipped
            if not skipped:
                for name, value in losses.items():
                    self._sums[name] += float(value)
            self._last_fetch = time.perf_counter()
            self._bar.update()
            if self._bar.disable and self._last_fetch - self._last_line > _LINE_PERIOD:
                self._print_step_line()

    def _epoch_seconds(self) -> float:
        return self._last_fetch - (self._epoch_start or 0.0)

    def _images_per_second(self) -> float:
        return (self._step - self._epoch_step) * self._batch_size / self._epoch_seconds()

    def _means(self) -> dict[str, float]:
        """Returns the means of the losses over the epoch's steps so far, without skipped ones."""
        steps = self._step - self._epoch_step - self._skipped
        return {name: value / steps for name, value in self._sums.items()}

    def _print_step_line(self) -> None:
        """Prints a line about an epoch that has not ended."""
        self._print_line(f"epoch {self._epoch_of(self._step)} (step {self._step})")

    def _epoch_of(self, step: int) -> int:
        return -(-step // self._steps_per_epoch)

    def _print_line(self, position: str, extra: str = "") -> None:
        """Prints a line on standard error: `position`, losses, `extra`, speed and time left."""
        if not distributed.is_primary():
            return
        self._last_line = time.perf_counter()
        seconds_per_step = (self._last_line - self._run_start) / (self._step - self._first_step)
        left = tqdm.tqdm.format_interval(seconds_per_step * (self._last_step - self._step))
        means, line = self._means(), f"{position} of {self._epoch_of(self._last_step)}"
        # An epoch whose steps were all skipped has no means.
        if means:
            line += f"  D {means['discriminator_loss']:.3f}  G {means['generator_loss']:.3f}"
        if self._skipped:
            line += f"  skipped {self._skipped}"
        line += f"{extra}  {self._images_per_second():.1f} images/s  {left} left"
        # The terminal may be gone. Training continues without it.
        with contextlib.suppress(OSError):
            self._bar.write(line, file=sys.stderr)
