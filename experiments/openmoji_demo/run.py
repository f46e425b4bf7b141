"""Trains variants of the demo's recipe and collects their error on held-out drawings.

python -m experiments.openmoji_demo.run --epochs 10
"""

import argparse
import json
from pathlib import Path

import numpy as np

from experiments.runs import train
from s2c_jax import input_pipeline

# Each row changes what it names and keeps the changes of the rows above it.
VARIANTS = {
    "the article's rate and weights": {
        "optimizer.learning_rate": 0.0002,
        "optimizer.ema_decay": 0.0,
        "loss.adversarial": 1.0,
    },
    "learning rate 0.001": {"optimizer.learning_rate": 0.001},
    "adversarial weight 0.2": {"loss.adversarial": 0.2},
    "moving average, decay 0.995 (the demo)": {"optimizer.ema_decay": 0.995},
}


def error_of_the_sketches() -> float:
    """The validation error of colouring nothing."""
    source = input_pipeline.open_split("openmoji_sketch", 64, "validation")
    pairs = input_pipeline.read_pairs(source, range(len(source)))
    return float(np.abs(pairs["sketch"] / 127.5 - pairs["color"] / 127.5).mean())


def main() -> None:
    """Runs every variant and writes results.json beside this file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--seeds", type=int, default=1)
    flags = parser.parse_args()
    print(f"the sketches themselves: {error_of_the_sketches():.4f}", flush=True)
    results, settings = {}, dict[str, float]()
    for name, changes in VARIANTS.items():
        settings |= changes
        runs = [
            train(
                "configs/openmoji.py", {**settings, "num_epochs": flags.epochs, "seed": seed}
            ).mean_absolute_error
            for seed in range(flags.seeds)
        ]
        results[name] = {"settings": dict(settings), "mean_absolute_error": runs}
        last = [sum(run[-3:]) / 3 for run in runs]
        print(f"{name}: last three epochs' mean {sum(last) / len(last):.4f}", flush=True)
    output = Path(__file__).parent / "results.json"
    output.write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main()
