"""Trains the article's recipe and ideas beyond it on OpenMoji, one run for each idea and seed.

python -m experiments.quality.run --seeds 0 1 2
python -m experiments.quality.measure

A finished run in runs/quality/ is not trained again. Several of these commands can share the work,
each with its own --runs or --seeds and its own cores.
"""

import argparse
from collections.abc import Mapping
from pathlib import Path

from experiments import runs

WORKDIRS = Path("runs/quality")
EPOCHS = 8

# The moving average does not affect training: each run keeps one, and measure.py evaluates the
# trained generator, its average, or both.
ARTICLE = {**runs.ARTICLE, "optimizer.ema_decay": 0.995}
# In 1,352 steps the article's learning rate is far from convergence, which hides other effects.
FAST = {**ARTICLE, "optimizer.learning_rate": 0.001}
TOGETHER = {
    **FAST,
    "loss.adversarial": 0.2,
    "augmentation.mirror": True,
    "generator.upsampling": "resize",
}

RUNS: Mapping[str, Mapping[str, object]] = {
    "article": ARTICLE,
    "rate": FAST,
    "adversarial": {**FAST, "loss.adversarial": 0.2},
    "mirror": {**FAST, "augmentation.mirror": True},
    "mirror_jitter": {**FAST, "augmentation.mirror": True, "augmentation.jitter": 0.1},
    "resize": {**FAST, "generator.upsampling": "resize"},
    "no_dropout": {**FAST, "generator.dropout_rate": 0.0},
    "patches": {**FAST, "discriminator.pooling": "none"},
    "together": TOGETHER,
    "together_no_dropout": {**TOGETHER, "generator.dropout_rate": 0.0},
}


def main() -> None:
    """Trains the runs, seed after seed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", nargs="+", choices=RUNS, default=list(RUNS))
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    flags = parser.parse_args()
    for seed in flags.seeds:
        for name in flags.runs:
            settings = {**RUNS[name], "seed": seed, "num_epochs": flags.epochs}
            runs.train("configs/sketch2color.py", settings, WORKDIRS / name / str(seed))
            print(f"{name}, seed {seed}", flush=True)


if __name__ == "__main__":
    main()
