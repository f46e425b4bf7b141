"""Plots both losses of a finished run beside the article's, and shows the run's pictures.

python -m experiments.article_losses.plot --workdir runs/sketch2color
"""

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from PIL import Image, ImageDraw
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

# The epochs whose pictures the article shows.
EPOCHS = (30, 40, 43)
# The range of the discriminator's loss in the article's run.
ARTICLE_DISCRIMINATOR = (0.23, 0.35)
# The generator's first and last loss in the article's run.
ARTICLE_GENERATOR = (180.0, 130.0)


def losses(workdir: Path) -> dict[str, dict[int, float]]:
    """Reads each loss by epoch from TensorBoard's events."""
    events = EventAccumulator(str(workdir / "tensorboard"), size_guidance={"scalars": 0})
    events.Reload()
    names = [name for name in events.Tags()["scalars"] if "_loss" in name or "validation" in name]
    return {name: {e.step: round(e.value, 5) for e in events.Scalars(name)} for name in names}


def plot_losses(curves: dict[str, dict[int, float]], weights: Mapping[str, float]) -> plt.Figure:
    """Draws both networks' losses, and the terms of the generator's loss."""
    figure, (left, middle, right) = plt.subplots(1, 3, figsize=(13, 3.6), layout="constrained")
    epochs = list(curves["discriminator_loss"])
    left.plot(epochs, list(curves["discriminator_loss"].values()), label="this run")
    left.axhspan(*ARTICLE_DISCRIMINATOR, color="C1", alpha=0.25, label="the article's")
    left.set(title="discriminator", ylim=(0, None))
    middle.plot(epochs, list(curves["generator_loss"].values()), label="this run")
    middle.plot([1, EPOCHS[-1]], ARTICLE_GENERATOR, "--", label="the article's, about")
    middle.set(title="generator", yscale="log")
    for name in ("adversarial", "pixel", "feature", "total_variation"):
        weight = weights[name]
        if curve := curves.get(f"generator_loss/{name}"):
            label = f"{weight:g} x {name.replace('_', ' ')}"
            right.plot(list(curve), [weight * value for value in curve.values()], label=label)
    right.set(title="terms of the generator's loss, this run", yscale="log", ylim=(1e-4, None))
    for axes in (left, middle, right):
        axes.set_xlabel("epoch")
        axes.legend(loc="best" if axes is not right else "lower left", fontsize="small")
        axes.grid(alpha=0.3)
    return figure


def samples(workdir: Path, num_samples: int, rows: int = 2) -> Image.Image:
    """Stacks the first rows of the sheets of three epochs."""
    sheets = [Image.open(workdir / "samples" / f"epoch_{epoch:04d}.png") for epoch in EPOCHS]
    width, height = sheets[0].size
    height = height * rows // max(rows, -(-num_samples // 4))
    margin = 70
    page = Image.new("RGB", (margin + width, height * len(sheets)), (224, 224, 224))
    draw = ImageDraw.Draw(page)
    for i, (epoch, sheet) in enumerate(zip(EPOCHS, sheets, strict=True)):
        page.paste(sheet.crop((0, 0, width, height)), (margin, i * height))
        place = (margin / 2, (i + 0.5) * height)
        draw.text(place, f"epoch {epoch}", fill=(64, 64, 64), anchor="mm", font_size=14)
    return page


def main() -> None:
    """Writes losses.png, samples.webp and results.json."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--workdir", type=Path, required=True)
    parser.add_argument("--output", type=Path, default=Path(__file__).parent)
    flags = parser.parse_args()
    missing = [e for e in EPOCHS if not (flags.workdir / f"samples/epoch_{e:04d}.png").exists()]
    if missing:
        sys.exit(f"{flags.workdir} has no samples of epoch {missing[0]}: is the run finished?")
    curves = losses(flags.workdir)
    flags.output.mkdir(parents=True, exist_ok=True)
    config = json.loads((flags.workdir / "config.json").read_text())
    plot_losses(curves, config["loss"]).savefig(flags.output / "losses.png", dpi=80)
    samples(flags.workdir, config["validation"]["num_samples"]).save(
        flags.output / "samples.webp", quality=85
    )
    results = {name: list(curve.values()) for name, curve in curves.items()}
    (flags.output / "results.json").write_text(json.dumps(results) + "\n")
    for name in ("discriminator_loss", "generator_loss"):
        values = np.array(results[name])
        print(
            f"{name}: {values[0]:.3f} after the first epoch, {values[-1]:.3f} after the last, "
            f"{values[len(values) // 4 :].min():.3f} to {values[len(values) // 4 :].max():.3f} "
            "over the last three quarters"
        )


if __name__ == "__main__":
    main()
