"""Trains with and without hints and palettes, and measures their effect on held-out drawings.

python -m experiments.hints.run --seeds 0 1 2

A finished run in runs/hints/ is not trained again. Writes results.json, and sheet.webp of the first
seed.
"""

import argparse
import itertools
import json
import statistics
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import skimage.color
from jaxtyping import Bool, UInt8
from PIL import Image

from experiments import runs
from s2c_jax import runtime
from s2c_jax.datasets import input_pipeline
from s2c_jax.drawing import palette, sheets
from s2c_jax.inference.colorizer import Colorizer
from s2c_jax.inference.held_out import paint_hints

WORKDIRS = Path("runs/hints")
CONFIGS = {"plain": "configs/openmoji.py", "hints": "configs/openmoji.py:hints"}
# Hints of a drawing.
COUNTS = (0, 1, 4, 16)
# From how many other drawings each drawing is given a palette.
OTHER_PALETTES = 3
# Colourings of a drawing whose variety is measured.
VARIANTS = 4
# CIEDE2000 between two palettes: cases that are further apart are also counted separately.
APART = (10.0, 20.0)
# Recolourings of a drawing that are tried.
MAX_RECOLORINGS = 60
# Difference between a colour's channels, in [0, 255], above which it is used to recolour.
MIN_CHROMA = 40
# Level, in [0, 255], of the darkest channel above which a pixel is blank or paper.
BLANK = 230
# Drawings on the sheet.
SHOWN = 12

Pictures = UInt8[np.ndarray, "drawings size size channels"]
Picture = UInt8[np.ndarray, "size size 3"]


def difference_at_hints(colored: Pictures, hints: Pictures) -> float:
    """Returns the mean CIEDE2000 between the hinted pixels and the hints' colours."""
    hinted = hints[..., 3] > 0
    labs = (skimage.color.rgb2lab(pictures[hinted][:, :3]) for pictures in (colored, hints))
    return float(skimage.color.deltaE_ciede2000(*labs).mean())


def palette_distance(one: palette.Palette, other: palette.Palette) -> float:
    """Returns the mean CIEDE2000 between each colour and the nearest colour of the other palette.

    The mean is weighted by chroma, because all drawings have black, and greys between line and
    paper.
    """
    left, right = (skimage.color.rgb2lab(p.reshape(-1, 3)) for p in (one, other))
    each = skimage.color.deltaE_ciede2000(left[:, None], right[None])
    chromas = (np.linalg.norm(lab[:, 1:], axis=-1) + 1e-6 for lab in (left, right))
    nearest = (each.min(axis=1), each.min(axis=0))
    return statistics.mean(
        float(np.average(distances, weights=chroma))
        for distances, chroma in zip(nearest, chromas, strict=True)
    )


def palette_obedience(
    colorize: Callable[[Sequence[palette.Palette]], Sequence[Picture]],
    palettes: Sequence[palette.Palette],
) -> dict[str, float]:
    """Returns how often a picture's palette is nearer to the given palette than to another one.

    The given palette and the other one both belong to other drawings.

    Args:
        colorize: colours all drawings, each with its given palette.
        palettes: the drawings' own palettes.

    Returns:
        The share among all cases; for each distance of `APART`, the share among the cases in which
        the two palettes are further apart, and how many of all cases these are.
    """
    obeyed, apart = [], []
    for shift in range(1, OTHER_PALETTES + 1):
        given, other = (np.roll(palettes, by, axis=0) for by in (shift, shift + OTHER_PALETTES))
        for picture, mine, another in zip(colorize(given), given, other, strict=True):
            shown = palette.extract(picture)
            obeyed.append(palette_distance(shown, mine) < palette_distance(shown, another))
            apart.append(palette_distance(mine, another))
    shares = {"all": float(np.mean(obeyed))}
    for least in APART:
        far = np.array(apart) > least
        shares[f"{least:g} apart"] = float(np.mean(np.array(obeyed)[far]))
        shares[f"share {least:g} apart"] = float(np.mean(far))
    return shares


def colored_pixels(
    sketch: Pictures | Picture, truth: Pictures | Picture
) -> Bool[np.ndarray, "..."]:
    """Returns where the sketch is blank and the truth is coloured."""
    return (sketch.min(axis=-1) > BLANK) & (truth.min(axis=-1) < BLANK)


def recolor_truth(
    sketch: Picture, truth: Picture, given: palette.Palette, rng: np.random.Generator
) -> Picture:
    """Returns the truth with its main colours replaced, as near to the given palette as possible.

    Each of three main colours becomes any colour of the palette. Up to `MAX_RECOLORINGS`
    assignments are tried.
    """
    colored = colored_pixels(sketch, truth)
    colors = np.unique(given.reshape(-1, 3), axis=0)
    colors = colors[np.ptp(colors.astype(int), axis=-1) > MIN_CHROMA]
    pixels = truth[colored].astype(int)
    if not len(pixels) or not len(colors):
        return truth
    _, bin_of, counts = np.unique(pixels // 32, axis=0, return_inverse=True, return_counts=True)
    main = np.array([pixels[bin_of == bin].mean(axis=0) for bin in np.argsort(-counts)[:3]])
    nearest = np.abs(pixels[:, None] - main).sum(axis=-1).argmin(axis=1)
    assignments = np.array(list(itertools.product(range(len(colors)), repeat=len(main))))
    pictures = []
    for assignment in rng.permutation(assignments)[:MAX_RECOLORINGS]:
        picture = truth.copy()
        picture[colored] = colors[assignment][nearest]
        pictures.append(picture)
    return min(pictures, key=lambda each: palette_distance(palette.extract(each), given))


def obedience_of_truths(pairs: input_pipeline.Pairs) -> dict[str, float]:
    """Returns the obedience of recoloured truths, an upper bound for any network."""
    rng = np.random.default_rng(0)
    return palette_obedience(
        lambda given: [
            recolor_truth(sketch, truth, colors, rng)
            for sketch, truth, colors in zip(pairs["sketch"], pairs["color"], given, strict=True)
        ],
        pairs["palette"],
    )


def variety(colorizer: Colorizer, pairs: input_pipeline.Pairs) -> float:
    """Returns the mean CIEDE2000 between two variants of a drawing, where the truth is coloured."""
    labs = [
        skimage.color.rgb2lab(
            colorizer.colorize_squares(pairs["sketch"], seeds=[seed] * len(pairs["sketch"]))
        )
        for seed in range(VARIANTS)
    ]
    colored = colored_pixels(pairs["sketch"], pairs["color"])
    return statistics.mean(
        float(skimage.color.deltaE_ciede2000(one[colored], other[colored]).mean())
        for one, other in itertools.combinations(labs, 2)
    )


def make_sheet(colorizer: Colorizer, pairs: input_pipeline.Pairs) -> Image.Image:
    """Returns a sheet of the first drawings, coloured with and without hints and palettes."""
    pairs = {name: values[:SHOWN] for name, values in pairs.items()}
    hints = paint_hints(pairs["sketch"], pairs["color"], 4)
    paper = 255 - (255 - pairs["sketch"].astype(float)) * 0.3
    columns = {
        "sketch": pairs["sketch"],
        "alone": colorizer.colorize_squares(pairs["sketch"]),
        "4 hints": np.where(hints[..., 3:] > 0, hints[..., :3], paper).astype(np.uint8),
        "hinted": colorizer.colorize_squares(pairs["sketch"], list(hints)),
    }
    for text in ("crimson,gold", "royalblue,lightgreen"):
        given = [palette.from_colors(text)] * SHOWN
        columns[text] = colorizer.colorize_squares(pairs["sketch"], palettes=given)
    columns["truth"] = pairs["color"]
    return sheets.sheet(list(columns.values()), list(columns), groups=2, cell=96)


def measure_seed(workdirs: Mapping[str, Path], pairs: input_pipeline.Pairs) -> dict[str, Any]:
    """Returns the results of a seed's two runs."""
    results: dict[str, Any] = {}
    plain = Colorizer(workdirs["plain"])
    results["plain"] = runs.measure(pairs, plain.colorize_squares(pairs["sketch"]))
    colorizer = Colorizer(workdirs["hints"])
    for count in COUNTS:
        hints = paint_hints(pairs["sketch"], pairs["color"], count)
        colored = colorizer.colorize_squares(pairs["sketch"], list(hints))
        results[f"{count} hints"] = runs.measure(pairs, colored)
        if count:
            results[f"{count} hints"]["difference_at_hints"] = difference_at_hints(colored, hints)

    def color(palettes: Sequence[palette.Palette]) -> Pictures:
        given = [palette.to_rgba(colors) for colors in palettes]
        return colorizer.colorize_squares(pairs["sketch"], palettes=given)

    results["own palette"] = runs.measure(pairs, color(pairs["palette"]))
    results["palette_obeyed"] = palette_obedience(color, pairs["palette"])
    results["variety"] = {
        "dropout": variety(plain, pairs),
        "and palettes": variety(colorizer, pairs),
    }
    return results


def print_tables(seeds: Sequence[dict[str, Any]]) -> None:
    """Prints means and deviations over the seeds as Markdown, then the other results by seed."""
    names = ("ciede2000", "mae", "leakage", "difference_at_hints")
    print("| | " + " | ".join(names) + " |\n" + "| --- " + "| ---: " * len(names) + "|")
    for row in [name for name in seeds[0] if "mae" in seeds[0][name]]:
        cells = []
        for name in names:
            values = [results[row][name] for results in seeds if name in results[row]]
            spread = statistics.stdev(values) if len(values) > 1 else 0.0
            cells.append(f"{statistics.mean(values):.4g} ± {spread:.2g}" if values else "")
        print(f"| {row} | " + " | ".join(cells) + " |")
    for name in ("palette_obeyed", "palette_obeyed_by_recoloured_truths", "variety"):
        for case in seeds[0][name]:
            values = [results[name][case] for results in seeds if name in results]
            print(f"{name}, {case}: " + ", ".join(f"{value:.3g}" for value in values))


def main() -> None:
    """Trains, measures, and writes the results and the sheet."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--epochs", type=int, default=25)
    parser.add_argument("--output", type=Path, default=Path(__file__).parent)
    flags = parser.parse_args()
    runtime.prepare()
    pairs = runs.read_validation("openmoji_sketch", 64)
    seeds = []
    for seed in flags.seeds:
        workdirs = {name: WORKDIRS / name / str(seed) for name in CONFIGS}
        for name, config in CONFIGS.items():
            runs.train(config, {"seed": seed, "num_epochs": flags.epochs}, workdirs[name])
        seeds.append(measure_seed(workdirs, pairs))
        print(json.dumps(seeds[-1]), flush=True)
    seeds[0]["palette_obeyed_by_recoloured_truths"] = obedience_of_truths(pairs)
    flags.output.mkdir(parents=True, exist_ok=True)
    (flags.output / "results.json").write_text(json.dumps(seeds) + "\n")
    first = Colorizer(WORKDIRS / "hints" / str(flags.seeds[0]))
    make_sheet(first, pairs).save(flags.output / "sheet.webp", quality=85)
    print_tables(seeds)


if __name__ == "__main__":
    main()
