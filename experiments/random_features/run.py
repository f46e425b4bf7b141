"""Trains with and without the feature loss of random filters.

python -m experiments.random_features.run --epochs 8 --seeds 3
"""

import argparse
import json
import statistics
from pathlib import Path

from experiments.runs import train

# Settings of configs/openmoji.py when this was measured, which it no longer has.
EARLIER = {"augmentation.jitter": 0.1, "generator.upsampling": "transposed"}
VARIANTS = {
    "without": {"loss.feature": 0.0},
    "random features": {"loss.feature": 0.01, "loss.feature_weights": "random"},
}


def main() -> None:
    """Trains the variants in turn, seed after seed, and writes results.json beside this file."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--seeds", type=int, default=3)
    flags = parser.parse_args()
    results: dict[str, list[list[float]]] = {name: [] for name in VARIANTS}
    for seed in range(flags.seeds):
        for name, changes in VARIANTS.items():
            settings = {**EARLIER, **changes, "seed": seed, "num_epochs": flags.epochs}
            run = train("configs/openmoji.py", settings)
            results[name].append(run.mean_absolute_error)
            print(
                f"seed {seed}, {name}: last three epochs' mean "
                f"{statistics.mean(run.mean_absolute_error[-3:]):.4f}, "
                f"{statistics.median(run.images_per_second):.1f} images/s",
                flush=True,
            )
    output = Path(__file__).parent / "results.json"
    output.write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main()
