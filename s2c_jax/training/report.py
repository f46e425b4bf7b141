"""What a run tells: TensorBoard, pictures, and a progress bar or plain lines."""

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

from s2c_jax import distributed
from s2c_jax.drawing import image_files, sheets
from s2c_jax.errors import UserError

# Steps that may be queued on the devices: enough to keep them busy, few enough that neither memory
# nor the progress shown runs ahead.
_STEPS_IN_FLIGHT = 2


# Seconds between two plain lines within an epoch.
_LINE_PERIOD = 30.0


# The validation pairs' metrics that an epoch's line shows; TensorBoard has all.
_SHOWN = ("mae", "ciede2000")


class Report:
    """Collects a run's losses and metrics and shows them.

    Use it in a `with`. Of several processes the first shows and writes. TensorBoard's scalars are
    means over an epoch, at the number of epochs done. On a terminal there is a progress bar,
    elsewhere a line at least every half minute.

    Attributes:
        workdir: pictures go to its samples/, events to its tensorboard/.
        first_step: how many steps an earlier start has done.
        last_step: the step at which the run ends.
        steps_per_epoch: how many steps an epoch has.
        batch_size: pictures a step.
        skip_not_finite: whether steps with a skipped update are counted, and not in the means;
            else one is an end.
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
        self._workdir = workdir
        self._first_step, self._last_step = first_step, last_step
        self._steps_per_epoch, self._batch_size = steps_per_epoch, batch_size
        self._skip_not_finite = skip_not_finite
        # Events of an epoch that is trained once more are taken back.
        self._writer = tensorboardX.SummaryWriter(
            str(workdir / "tensorboard"),
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
        self._run_time = self._line_time = time.perf_counter()
        self._begin_epoch()

    def __enter__(self) -> "Report":
        return self

    def __exit__(self, exception: object, *_: object) -> None:
        if exception is None:
            self._fetch(0)
            if self._step > self._epoch_step:
                self._step_line()
        self._bar.close()
        self._writer.close()

    def _begin_epoch(self) -> None:
        self._epoch_step = self._step
        # Unknown until the first batch is asked for: what is done between epochs is not counted.
        self._epoch_time: float | None = None
        self._step_time = self._waited = 0.0
        self._skipped = 0
        self._sums: dict[str, float] = collections.defaultdict(float)

    @contextlib.contextmanager
    def waiting(self) -> Iterator[None]:
        """Counts the time within as waiting for data."""
        asked = time.perf_counter()
        if self._epoch_time is None:
            self._epoch_time = asked
        yield
        self._waited += time.perf_counter() - asked

    def log_step(self, step: int, losses: Mapping[str, Float[Array, ""]]) -> None:
        """Counts a step's losses, when the devices have computed them.

        Args:
            step: how many steps are done with this one.
            losses: scalars by name, on the devices; they are fetched a few steps later.

        Raises:
            UserError: an update of a step that is fetched now was skipped.
        """
        self._in_flight.append((step, losses))
        self._fetch(_STEPS_IN_FLIGHT)

    def drain(self) -> None:
        """Waits for all steps so far.

        Raises:
            UserError: an update of one of them was skipped.
        """
        self._fetch(0)

    def _fetch(self, leave: int) -> None:
        while len(self._in_flight) > leave:
            step, losses = self._in_flight.popleft()
            losses = dict(jax.device_get(losses))
            skipped = bool(losses.pop("skipped_updates"))
            if skipped and not self._skip_not_finite:
                raise UserError(
                    f"step {step}: the gradient is not finite (D {losses['discriminator_loss']:g}, "
                    f"G {losses['generator_loss']:g}). The checkpoints in {self._workdir} are "
                    "sound; see in its tensorboard/ what grew, and lower that loss's weight or "
                    "config.optimizer.learning_rate, or set config.optimizer.skip_not_finite"
                )
            self._step = step
            self._skipped += skipped
            for name, value in losses.items():
                if not skipped:
                    self._sums[name] += float(value)
            self._step_time = time.perf_counter()
            self._bar.update()
            if self._bar.disable and self._step_time - self._line_time > _LINE_PERIOD:
                self._step_line()

    def _step_line(self) -> None:
        self._line(f"epoch {-(-self._step // self._steps_per_epoch)} (step {self._step})")

    def log_epoch(self, epoch: int, metrics: Mapping[str, float]) -> None:
        """Writes the means of the epoch that ends here.

        Args:
            epoch: how many epochs are done now.
            metrics: of the validation pairs, by name; empty if they were not measured.
        """
        self._fetch(0)
        speed = {
            "speed/images_per_second": self._images_per_second(),
            "speed/data_wait_share": self._waited / self._epoch_seconds(),
        }
        validation = {f"validation/{name}": value for name, value in metrics.items()}
        skipped = {"skipped_steps": self._skipped} if self._skip_not_finite else {}
        for name, value in {**self._means(), **speed, **skipped, **validation}.items():
            self._writer.add_scalar(name, value, epoch)
        extra = "".join(
            f"  validation/{name} {metrics[name]:.4f}" for name in _SHOWN if name in metrics
        )
        wait = f"  waited for data {speed['speed/data_wait_share']:.1%}"
        self._line(f"epoch {epoch}", extra + wait)
        self._begin_epoch()

    def log_images(
        self, epoch: int, columns: Mapping[str, UInt8[np.ndarray, "count height width 3"]]
    ) -> None:
        """Writes a sheet of pictures to samples/ and TensorBoard.

        Args:
            epoch: how many epochs are done now.
            columns: pictures by title, in the order in which they stand beside each other.

        Raises:
            UserError: they cannot be written.
        """
        if not distributed.is_primary():
            return
        sheet = sheets.sheet(list(columns.values()), list(columns))
        path = self._workdir / "samples" / f"epoch_{epoch:04d}.png"
        try:
            image_files.write_png(sheet, path)
        except OSError as error:
            raise UserError(f"{path} cannot be written ({error.strerror or error})") from None
        self._writer.add_image("samples", np.asarray(sheet), epoch, dataformats="HWC")
        self._writer.flush()

    def _epoch_seconds(self) -> float:
        return self._step_time - (self._epoch_time or 0.0)

    def _images_per_second(self) -> float:
        return (self._step - self._epoch_step) * self._batch_size / self._epoch_seconds()

    def _means(self) -> dict[str, float]:
        steps = self._step - self._epoch_step - self._skipped
        return {name: value / steps for name, value in self._sums.items()}

    def _line(self, place: str, extra: str = "") -> None:
        if not distributed.is_primary():
            return
        self._line_time = time.perf_counter()
        seconds_a_step = (self._line_time - self._run_time) / (self._step - self._first_step)
        left = tqdm.tqdm.format_interval(seconds_a_step * (self._last_step - self._step))
        losses = "".join(
            f"  {letter} {value:.3f}"
            for letter, name in (("D", "discriminator_loss"), ("G", "generator_loss"))
            if (value := self._means().get(name)) is not None
        )
        skipped = f"  skipped {self._skipped}" if self._skipped else ""
        line = (
            f"{place} of {-(-self._last_step // self._steps_per_epoch)}{losses}{skipped}{extra}"
            f"  {self._images_per_second():.1f} images/s  {left} left"
        )
        # Whoever read it may be gone, and training goes on.
        with contextlib.suppress(OSError):
            self._bar.write(line, file=sys.stderr)
