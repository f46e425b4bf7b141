"""Colours large held-out drawings with the demo's network, with and without compositing.

python -m experiments.large_drawings.run --workdir runs/openmoji

Writes sheet.webp, and prints for each size the time of a drawing, and the largest difference of a
dark pixel from the sketch.
"""

import argparse
import statistics
import time
from pathlib import Path

import numpy as np
from PIL import Image

from s2c_jax import runtime
from s2c_jax.datasets import pairs
from s2c_jax.datasets.openmoji_sketch import openmoji_sketch
from s2c_jax.drawing import preparation, sheets
from s2c_jax.inference.colorizer import Colorizer

# Sides of the timed drawings in pixels.
SIZES = (256, 1000, 4000)
# Side in pixels of the drawings on the sheet, and of their cells.
SHOWN_SIZE = 1000
SHOWN_CELL = 200
DRAWINGS = 9
# Level, in [0, 255], below which a pixel of the sketch is dark.
DARK = 128


def sketches(size: int) -> list[Image.Image]:
    """Renders the outlines of some held-out drawings."""
    folder = openmoji_sketch.svg_folder()
    names = [name for name in openmoji_sketch.select(folder) if pairs.is_validation(name)]
    step = len(names) // DRAWINGS
    return [
        Image.fromarray(
            openmoji_sketch.render(
                openmoji_sketch.outline((folder / f"{name}.svg").read_text()), size
            )
        )
        for name in names[: step * DRAWINGS : step]
    ]


def enlarge_network_pictures(
    colorizer: Colorizer, drawings: list[Image.Image]
) -> list[Image.Image]:
    """Colours drawings without compositing: enlarges the network's pictures with their lines."""
    squares = np.stack([preparation.downscale_sketch(d, colorizer.image_size) for d in drawings])
    return [
        Image.fromarray(colored).resize(drawing.size, Image.Resampling.LANCZOS)
        for colored, drawing in zip(colorizer.colorize_squares(squares), drawings, strict=True)
    ]


def print_table(colorizer: Colorizer) -> None:
    """Prints the time and the difference of dark pixels for each size."""
    colorizer([Image.new("RGB", (8, 8), "white")])  # Compiles.
    print("| size | seconds | largest difference of a dark pixel |\n| ---: | ---: | ---: |")
    for size in SIZES:
        seconds, difference = [], 0
        for drawing in sketches(size):
            begun = time.perf_counter()
            (colored,) = colorizer([drawing])
            seconds.append(time.perf_counter() - begun)
            levels = np.asarray(drawing).astype(int)
            dark = levels.max(axis=-1) < DARK
            difference = max(difference, int(np.abs(np.asarray(colored) - levels)[dark].max()))
        print(f"| {size} | {statistics.median(seconds):.2f} | {difference} |", flush=True)


def make_sheet(colorizer: Colorizer) -> Image.Image:
    """Returns a sheet of sketches, coloured without and with compositing."""
    drawings = sketches(SHOWN_SIZE)
    columns = {
        f"sketch, {SHOWN_SIZE} px": drawings,
        f"the network's {colorizer.image_size} px": enlarge_network_pictures(colorizer, drawings),
        "colorize": colorizer(drawings),
    }
    cell = (SHOWN_CELL, SHOWN_CELL)
    pictures = [
        np.stack([np.asarray(p.resize(cell, Image.Resampling.LANCZOS)) for p in column])
        for column in columns.values()
    ]
    return sheets.sheet(pictures, list(columns), groups=3)


def main() -> None:
    """Prints the table, and writes the sheet."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--workdir", type=Path, required=True)
    parser.add_argument("--output", type=Path, default=Path(__file__).parent)
    flags = parser.parse_args()
    runtime.prepare()
    colorizer = Colorizer(flags.workdir)
    print_table(colorizer)
    flags.output.mkdir(parents=True, exist_ok=True)
    make_sheet(colorizer).save(flags.output / "sheet.webp", quality=85)


if __name__ == "__main__":
    main()
