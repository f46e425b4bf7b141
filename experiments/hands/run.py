"""Trains on one kind of line and on many, and measures both on six kinds.

python -m s2c_jax.datasets characters/64
python -m experiments.hands.run --seeds 0 1 2

A finished run in runs/hands/ is not trained again. Writes results.json, and sheet.webp of the first
seed.
"""

import argparse
import json
import statistics
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key, UInt8

from experiments import runs
from s2c_jax import runtime
from s2c_jax.drawing import hands, lines
from s2c_jax.inference.colorizer import Colorizer

WORKDIRS = Path("runs/hands")
# The hands that both kinds of runs are tested on; nothing is trained on the last two.
TESTED = ("clean", "bold", "pencil", "colored", "scan", "broken")
UNSEEN = ("scan", "broken")
RUNS = {"one": (), "many": tuple(name for name in hands.HANDS if name not in UNSEEN)}
# The number of people on the sheet.
SHOWN = 8

Sketches = UInt8[np.ndarray, "pairs size size 3"]


def draw_in_hand(sketches: Sketches, name: str) -> Sketches:
    """Draws the lines of clean sketches in a hand; always the same."""

    def draw(key: Key[Array, ""], sketch: Float[Array, "size size 3"]) -> hands.Color:
        hand_key, sketch_key = jax.random.split(key)
        return hands.sketch(sketch_key, 1 - lines.luma(sketch), hands.draw_hand(hand_key, (name,)))

    keys = jax.random.split(jax.random.key(0), len(sketches))
    drawn = jax.jit(jax.vmap(draw))(keys, jnp.asarray(sketches, jnp.float32) / 255)
    return np.asarray(jnp.round(255 * drawn)).astype(np.uint8)


def print_table(results: dict[str, dict[str, list[float]]]) -> None:
    """Prints CIEDE2000 by hand and kind of run, mean and deviation over the seeds, as Markdown."""
    print("| tested on | " + " | ".join(f"trained on {name}" for name in results) + " |")
    print("| --- " + "| ---: " * len(results) + "|")
    for hand in TESTED:
        cells = [
            f"{statistics.mean(found[hand]):.2f} ± {statistics.stdev(found[hand]):.2f}"
            for found in results.values()
        ]
        title = f"{hand}, never trained on" if hand in UNSEEN else hand
        print(f"| {title} | " + " | ".join(cells) + " |")


def main() -> None:
    """Trains, measures, and writes the results and the sheet."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--data_dir", default="")
    parser.add_argument("--output", type=Path, default=Path(__file__).parent)
    flags = parser.parse_args()
    if len(flags.seeds) < 2:
        parser.error("the deviation needs two seeds")
    runtime.prepare()
    pairs = runs.read_validation("characters", 64, flags.data_dir)
    tested = {name: draw_in_hand(pairs["sketch"], name) for name in TESTED}
    results: dict[str, dict[str, list[float]]] = {name: {} for name in RUNS}
    pictures: dict[str, Sketches] = {}
    for seed in flags.seeds:
        for name, trained_on in RUNS.items():
            settings = {
                "seed": seed,
                "max_steps": flags.steps,
                "augmentation.hands": trained_on,
                "generator.hints": False,
                "generator.palette": False,
                "dataset.data_dir": flags.data_dir,
            }
            workdir = WORKDIRS / name / str(seed)
            runs.train("configs/characters.py", settings, workdir)
            colorizer = Colorizer(workdir)
            for hand, sketches in tested.items():
                colored = colorizer.colorize_squares(sketches)
                # Where a pixel is coloured does not depend on the hand: measure with clean lines.
                found = runs.measure(pairs, colored)["ciede2000"]
                results[name].setdefault(hand, []).append(found)
                pictures.setdefault(f"{hand}, trained on {name}", colored[:SHOWN])
    flags.output.mkdir(parents=True, exist_ok=True)
    (flags.output / "results.json").write_text(json.dumps(results) + "\n")
    strips = []
    for hand, sketches in tested.items():
        strips.append(runs.strip(sketches[:SHOWN], hand))
        strips += [
            runs.strip(pictures[title], title.partition(", ")[2])
            for title in (f"{hand}, trained on {name}" for name in RUNS)
        ]
    strips.append(runs.strip(pairs["color"][:SHOWN], "truth"))
    runs.write_strips(strips, flags.output / "sheet.webp")
    print_table(results)


if __name__ == "__main__":
    main()
