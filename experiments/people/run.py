"""Which settings colour people best? Trains each for the same number of steps, and compares.

python -m s2c_jax.datasets characters/64
python -m experiments.people.run

A finished run in runs/people/ is not trained again. Writes results.json, and rows.webp: the first
held-out people as each row colours them, alone, with hints, and with a palette of other colours.
"""

import argparse
import json
import re
from collections.abc import Mapping
from pathlib import Path

from experiments import runs
from s2c_jax import runtime
from s2c_jax.drawing import palette
from s2c_jax.inference.colorizer import Colorizer
from s2c_jax.inference.held_out import paint_hints

WORKDIRS = Path("runs/people")
# What all rows begin with: another value than that of configs/characters.py.
BEGINNING = {"optimizer.learning_rate": 0.001}
# The settings of each row, which change those of configs/characters.py.
RUNS: Mapping[str, Mapping[str, object]] = {
    "A": BEGINNING,
    "A, palettes as on OpenMoji": {
        **BEGINNING,
        "augmentation.recolor": 0.8,
        "loss.palette_reach": 2.0,
        "discriminator.channels": (32, 64, 128, 256),
    },
    "A, adversarial weight 0.2": {**BEGINNING, "loss.adversarial": 0.2},
    "A, a judgement per patch": {**BEGINNING, "discriminator.pooling": "none"},
    "A, transposed convolutions": {**BEGINNING, "generator.upsampling": "transposed"},
    "A, learning rate 0.002": {},
}
# Marks of a picture's hints.
MARKS = 12
# The palette that all people are given.
COLORS = "royalblue,crimson"
# People in rows.webp.
SHOWN = 12
METRICS = ("ciede2000", "mae", "ssim", "colorfulness", "leakage", "line_loss")


def main() -> None:
    """Trains, measures, and writes the results and the picture."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--data_dir", default="")
    parser.add_argument("--output", type=Path, default=Path(__file__).parent)
    flags = parser.parse_args()
    runtime.prepare()
    pairs = runs.read_validation("characters", 64, flags.data_dir)
    sketches, truths = pairs["sketch"], pairs["color"]
    hints = list(paint_hints(sketches, truths, MARKS))
    own = [palette.to_rgba(colors) for colors in pairs["palette"]]
    given = [palette.from_colors(COLORS)] * SHOWN
    results: dict[str, dict[str, float]] = {}
    strips = [runs.strip(sketches[:SHOWN], "sketch"), runs.strip(truths[:SHOWN], "truth")]
    for name, settings in RUNS.items():
        workdir = WORKDIRS / re.sub(r"\W+", "_", name)
        always = {"num_epochs": flags.epochs, "dataset.data_dir": flags.data_dir}
        runs.train("configs/characters.py", {**settings, **always}, workdir)
        colorizer = Colorizer(workdir)
        colored = {
            "alone": colorizer.colorize_squares(sketches),
            f"{MARKS} hints": colorizer.colorize_squares(sketches, hints),
            "own palette": colorizer.colorize_squares(sketches, palettes=own),
        }
        for title, pictures in colored.items():
            results[f"{name}, {title}"] = runs.measure(pairs, pictures)
        shown = {title: colored[title][:SHOWN] for title in ("alone", f"{MARKS} hints")}
        shown[COLORS] = colorizer.colorize_squares(sketches[:SHOWN], palettes=given)
        strips += [runs.strip(each, f"{name}\n{title}") for title, each in shown.items()]
    flags.output.mkdir(parents=True, exist_ok=True)
    (flags.output / "results.json").write_text(json.dumps(results) + "\n")
    runs.write_strips(strips, flags.output / "rows.webp")
    print("| | " + " | ".join(METRICS) + " |\n| --- " + "| ---: " * len(METRICS) + "|")
    for title, found in results.items():
        print(f"| {title} | " + " | ".join(f"{found[name]:.4g}" for name in METRICS) + " |")


if __name__ == "__main__":
    main()
