"""Trains on real anime faces, and measures how well hints give a person the wanted picture.

python -m s2c_jax.datasets color_pictures/64 --manual_dir FACES --data_dir DATA
python -m experiments.anime.run --data_dir DATA

FACES is a folder of square colour pictures of anime faces. They have owners, so nothing made from
them is kept here but numbers. A finished run in runs/anime/ is not trained again. Writes
results.json, and a sheet beside the run.
"""

import argparse
import json
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import skimage.color
from jaxtyping import Array, Key, UInt8

from experiments import runs
from s2c_jax import runtime
from s2c_jax.drawing import hands, image_files, sheets
from s2c_jax.inference.colorizer import Colorizer

WORKDIR = Path("runs/anime")
# Hints of a picture.
COUNTS = (0, 1, 4, 16, 64)
# The pixels of a hint on each side of its middle.
RADIUS = 1
# The hands that the sketches are drawn in.
HANDS = ("clean", "pencil", "rough", "scan")
METRICS = ("whole_ciede2000", "ciede2000", "mae", "ssim", "colorfulness", "leakage")
# Faces on the sheet.
SHOWN = 16

Pictures = UInt8[np.ndarray, "pairs size size 3"]


def draw_sketches(colors: Pictures, name: str) -> Pictures:
    """Draws the lines of colour pictures in a hand; always the same."""

    def draw(key: Key[Array, ""], color: hands.Color) -> hands.Color:
        extract_key, hand_key, sketch_key = jax.random.split(key, 3)
        ink = hands.extract(extract_key, color)
        return hands.sketch(sketch_key, ink, hands.draw_hand(hand_key, (name,)))

    keys = jax.random.split(jax.random.key(0), len(colors))
    drawn = jax.jit(jax.vmap(draw))(keys, jnp.asarray(colors, jnp.float32) / 255)
    return np.asarray(jnp.round(255 * drawn)).astype(np.uint8)


def paint_squares(colors: Pictures, count: int) -> UInt8[np.ndarray, "pairs size size 4"]:
    """Paints squares of 3x3 pixels in their mean true colours, at places drawn uniformly.

    The places are always the same; more squares include fewer.
    """
    rng = np.random.default_rng(0)
    hints = np.zeros((*colors.shape[:3], 4), np.uint8)
    places = rng.integers(RADIUS, colors.shape[1] - RADIUS, (len(colors), max(COUNTS), 2))
    for hint, color, of_picture in zip(hints, colors, places[:, :count], strict=True):
        for row, column in of_picture:
            square = np.s_[row - RADIUS : row + RADIUS + 1, column - RADIUS : column + RADIUS + 1]
            hint[square][..., :3] = color[square].mean(axis=(0, 1)).round()
            hint[square][..., 3] = 255
    return hints


def whole_difference(colored: Pictures, truths: Pictures) -> float:
    """Returns the mean CIEDE2000 over all pixels."""
    labs = (skimage.color.rgb2lab(pictures) for pictures in (colored, truths))
    return float(skimage.color.deltaE_ciede2000(*labs).mean())


def main() -> None:
    """Trains, measures, and writes the results and the sheet."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--epochs", type=int, default=13)
    parser.add_argument("--data_dir", required=True)
    parser.add_argument("--output", type=Path, default=Path(__file__).parent)
    flags = parser.parse_args()
    runtime.prepare()
    settings = {
        "num_epochs": flags.epochs,
        "dataset.name": "color_pictures",
        "dataset.data_dir": flags.data_dir,
        "augmentation.redraw": 1.0,
        "augmentation.hands": tuple(hands.HANDS),
        "checkpoint.every_epochs": 5,
        "generator.palette": False,
    }
    runs.train("configs/characters.py", settings, WORKDIR)
    pairs = runs.read_validation("color_pictures", 64, flags.data_dir)
    colorizer = Colorizer(WORKDIR)
    results, columns = {}, {}
    for hand in HANDS:
        sketches = draw_sketches(pairs["color"], hand)
        columns[hand] = sketches[:SHOWN]
        for count in COUNTS:
            hints = paint_squares(pairs["color"], count)
            colored = colorizer.colorize_squares(sketches, list(hints))
            found = runs.measure({**pairs, "sketch": sketches}, colored)
            found["whole_ciede2000"] = whole_difference(colored, pairs["color"])
            results[f"{hand}, {count} hints"] = {name: found[name] for name in METRICS}
            columns[f"{hand}, {count}"] = colored[:SHOWN]
    columns["truth"] = pairs["color"][:SHOWN]
    page = sheets.sheet(list(columns.values()), list(columns), groups=1, cell=64)
    image_files.write_png(page, WORKDIR / "sheet.png")
    flags.output.mkdir(parents=True, exist_ok=True)
    (flags.output / "results.json").write_text(json.dumps(results) + "\n")
    print(
        "| sketches, hints | " + " | ".join(METRICS) + " |\n| --- " + "| ---: " * len(METRICS) + "|"
    )
    for title, found in results.items():
        print(f"| {title} | " + " | ".join(f"{found[name]:.3f}" for name in METRICS) + " |")


if __name__ == "__main__":
    main()
