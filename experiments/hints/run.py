"""Trains with and without hints and palettes, and measures what these do on held-out drawings.

python -m experiments.hints.run --seeds 0 1 2

Finished runs are left as they are. Writes results.json, and sheet.webp of the first seed.
"""

import argparse
import functools
import itertools
import json
import statistics
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import skimage.color

from experiments import runs
from s2c_jax import runtime
from s2c_jax.datasets import input_pipeline
from s2c_jax.drawing import palette, sheets
from s2c_jax.evaluation import metrics
from s2c_jax.inference.colorizer import Colorizer
from s2c_jax.models.ranges import normalize
from s2c_jax.training import guidance

WORKDIRS = Path("runs/hints")
CONFIGS = {"plain": "configs/openmoji.py", "hints": "configs/openmoji_hints.py"}
COUNTS = (0, 1, 4, 16)
# Each drawing is asked to have the palettes of this many others.
ASKED = 3
VARIANTS = 4
# CIEDE2000 between two palettes, from which cases are counted on their own as well.
APART = (10.0, 20.0)
# How many ways to recolour a drawing are tried, and how far apart, in [0, 255], the channels of a
# colour are that is used for it.
WAYS, LIVELY = 60, 40
SHOWN = 12


def hints_of(pairs: input_pipeline.Pairs, count: int) -> np.ndarray:
    """Returns the same marks each time, uint8 RGBA: more of them hold fewer ones."""
    keys = jax.random.split(jax.random.key(0), len(pairs["sketch"]))
    painted = jax.jit(jax.vmap(functools.partial(guidance.paint_marks, count=jnp.int32(count))))(
        keys, normalize(pairs["sketch"]), normalize(pairs["color"])
    )
    levels = np.asarray(painted) * 127.5 + 127.5
    alpha = np.asarray(painted)[..., 3:] > 0
    colors = np.where(alpha, np.concatenate([levels[..., :3], 255 * alpha], axis=-1), 0)
    return colors.round().astype(np.uint8)


def measure(pairs: input_pipeline.Pairs, colored: np.ndarray) -> dict[str, float]:
    """Returns the metrics of all pairs."""
    sums: dict[str, metrics.Ratio] = {}
    for sketch, picture, truth in zip(pairs["sketch"], colored, pairs["color"], strict=True):
        sums = metrics.add(sums, metrics.measure(sketch, picture, truth))
    return {name: ratio.value for name, ratio in sums.items()}


def difference_at_hints(colored: np.ndarray, hints: np.ndarray) -> float:
    """Returns the mean CIEDE2000 between the hinted pixels and the hints' colours."""
    hinted = hints[..., 3] > 0
    found, asked = (skimage.color.rgb2lab(a[hinted][:, :3]) for a in (colored, hints))
    return float(skimage.color.deltaE_ciede2000(found, asked).mean())


def palette_distance(one: palette.Palette, other: palette.Palette) -> float:
    """Returns the mean CIEDE2000 between each colour and the nearest of the other palette.

    Colours count by their chroma: all drawings have black, and greys between lines and paper.
    """
    left, right = (skimage.color.rgb2lab(p.reshape(-1, 3)) for p in (one, other))
    each = skimage.color.deltaE_ciede2000(left[:, None], right[None])
    chromas = (np.linalg.norm(lab[:, 1:], axis=-1) + 1e-6 for lab in (left, right))
    nearest = (each.min(axis=1), each.min(axis=0))
    return statistics.mean(
        float(np.average(distances, weights=chroma))
        for distances, chroma in zip(nearest, chromas, strict=True)
    )


def obedience(
    colorize: Callable[[Sequence[palette.Palette]], Sequence[np.ndarray]],
    palettes: Sequence[palette.Palette],
) -> dict[str, float]:
    """Returns how often a picture's palette is nearer to the asked one than to another's.

    Args:
        colorize: colours all drawings, each with its palette.
        palettes: the drawings' own.

    Returns:
        The share of all cases, and of those in which these two palettes are so far apart, with the
        share of these cases.
    """
    obeyed, apart = [], []
    for shift in range(1, ASKED + 1):
        asked, other = (np.roll(palettes, by, axis=0) for by in (shift, shift + ASKED))
        for picture, mine, another in zip(colorize(asked), asked, other, strict=True):
            found = palette.extract(picture)
            obeyed.append(palette_distance(found, mine) < palette_distance(found, another))
            apart.append(palette_distance(mine, another))
    shares = {"all": float(np.mean(obeyed))}
    for least in APART:
        far = np.array(apart) > least
        shares[f"{least:g} apart"] = float(np.mean(np.array(obeyed)[far]))
        shares[f"share {least:g} apart"] = float(np.mean(far))
    return shares


def recolored(
    sketch: np.ndarray, truth: np.ndarray, asked: palette.Palette, rng: np.random.Generator
) -> np.ndarray:
    """Returns the truth with its main colours replaced by a palette's, as near to it as may be.

    Of three main colours, each of which becomes any of the palette's, up to `WAYS` ways are tried.
    """
    colored = (sketch.min(axis=-1) > 230) & (truth.min(axis=-1) < 230)
    colors = np.unique(asked.reshape(-1, 3), axis=0)
    colors = colors[np.ptp(colors.astype(int), axis=-1) > LIVELY]
    pixels = truth[colored].astype(int)
    if not len(pixels) or not len(colors):
        return truth
    _, kind_of, counts = np.unique(pixels // 32, axis=0, return_inverse=True, return_counts=True)
    main = np.array([pixels[kind_of == kind].mean(axis=0) for kind in np.argsort(-counts)[:3]])
    nearest = np.abs(pixels[:, None] - main).sum(axis=-1).argmin(axis=1)
    ways = np.array(list(itertools.product(range(len(colors)), repeat=len(main))))
    pictures = []
    for way in rng.permutation(ways)[:WAYS]:
        picture = truth.copy()
        picture[colored] = colors[way][nearest]
        pictures.append(picture)
    return min(pictures, key=lambda each: palette_distance(palette.extract(each), asked))


def variety(colorizer: Colorizer, pairs: input_pipeline.Pairs) -> float:
    """Returns the mean CIEDE2000 between two variants of a drawing, where the truth is coloured."""
    labs = [
        skimage.color.rgb2lab(
            colorizer.colorize_squares(pairs["sketch"], seeds=[seed] * len(pairs["sketch"]))
        )
        for seed in range(VARIANTS)
    ]
    colored = (pairs["sketch"].min(axis=-1) > 230) & (pairs["color"].min(axis=-1) < 230)
    return statistics.mean(
        float(skimage.color.deltaE_ciede2000(one[colored], other[colored]).mean())
        for one, other in itertools.combinations(labs, 2)
    )


def sheet(colorizer: Colorizer, pairs: input_pipeline.Pairs) -> Any:
    """Lays out what hints and palettes do to the first drawings."""
    pairs = {name: values[:SHOWN] for name, values in pairs.items()}
    hints = hints_of(pairs, 4)
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


def results_of(workdirs: Mapping[str, Path], pairs: input_pipeline.Pairs) -> dict[str, Any]:
    """Measures the two runs of a seed."""
    found: dict[str, Any] = {}
    plain = Colorizer(workdirs["plain"])
    found["plain"] = measure(pairs, plain.colorize_squares(pairs["sketch"]))
    colorizer = Colorizer(workdirs["hints"])
    for count in COUNTS:
        hints = hints_of(pairs, count)
        colored = colorizer.colorize_squares(pairs["sketch"], list(hints))
        found[f"{count} hints"] = measure(pairs, colored)
        if count:
            found[f"{count} hints"]["difference_at_hints"] = difference_at_hints(colored, hints)
    own = [palette.to_rgba(colors) for colors in pairs["palette"]]
    found["own palette"] = measure(pairs, colorizer.colorize_squares(pairs["sketch"], None, own))
    found["palette_obeyed"] = obedience(
        lambda asked: colorizer.colorize_squares(
            pairs["sketch"], palettes=[palette.to_rgba(colors) for colors in asked]
        ),
        pairs["palette"],
    )
    found["variety"] = {"dropout": variety(plain, pairs), "and palettes": variety(colorizer, pairs)}
    return found


def main() -> None:
    """Trains and measures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--epochs", type=int, default=25)
    parser.add_argument("--output", type=Path, default=Path(__file__).parent)
    flags = parser.parse_args()
    runtime.prepare()
    source = input_pipeline.open_split("openmoji_sketch", 64, "validation")
    pairs = input_pipeline.read_pairs(source, range(len(source)))
    found = []
    for seed in flags.seeds:
        workdirs = {name: WORKDIRS / name / str(seed) for name in CONFIGS}
        for name, config in CONFIGS.items():
            settings = {"seed": seed, "num_epochs": flags.epochs}
            runs.train(config, settings, workdirs[name])
        found.append(results_of(workdirs, pairs))
        print(json.dumps(found[-1]), flush=True)
    rng = np.random.default_rng(0)
    best = obedience(
        lambda asked: [
            recolored(sketch, truth, colors, rng)
            for sketch, truth, colors in zip(pairs["sketch"], pairs["color"], asked, strict=True)
        ],
        pairs["palette"],
    )
    found[0]["palette_obeyed_by_recoloured_truths"] = best
    flags.output.mkdir(parents=True, exist_ok=True)
    (flags.output / "results.json").write_text(json.dumps(found) + "\n")
    first = Colorizer(WORKDIRS / "hints" / str(flags.seeds[0]))
    sheet(first, pairs).save(flags.output / "sheet.webp", quality=85)
    names = ("ciede2000", "mae", "leakage", "difference_at_hints")
    print("| | " + " | ".join(names) + " |\n" + "| --- " + "| ---: " * len(names) + "|")
    for row in [name for name in found[0] if "mae" in found[0][name]]:
        cells = []
        for name in names:
            values = [of_seed[row][name] for of_seed in found if name in of_seed[row]]
            spread = statistics.stdev(values) if len(values) > 1 else 0.0
            cells.append(f"{statistics.mean(values):.4g} ± {spread:.2g}" if values else "")
        print(f"| {row} | " + " | ".join(cells) + " |")
    for name in ("palette_obeyed", "palette_obeyed_by_recoloured_truths", "variety"):
        for case in found[0][name]:
            values = [of_seed[name][case] for of_seed in found if name in of_seed]
            print(f"{name}, {case}: " + ", ".join(f"{value:.3g}" for value in values))


if __name__ == "__main__":
    main()
