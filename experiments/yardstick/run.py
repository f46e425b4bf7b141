"""Trains the article's recipe in PyTorch, and compares its metrics with this package's.

python -m experiments.quality.run --runs article --seeds 0 1 2 3 4 5
python -m experiments.quality.measure
python -m experiments.yardstick.run --seeds 0 1 2 3 4 5

The PyTorch implementation is tests/parity/reference.py, written from the formulas. It trains on the
batches of this package's input pipeline, in the same order for the same seed. PyTorch draws weights
and dropout from the same distributions.
"""

import argparse
import contextlib
import functools
import json
import statistics
from collections.abc import Iterator
from pathlib import Path

import jax
import ml_collections
import numpy as np
import scipy.stats
import torch

from experiments import runs
from experiments.quality.run import EPOCHS, RUNS, WORKDIRS
from s2c_jax.datasets import input_pipeline
from s2c_jax.evaluation.scoring import score
from s2c_jax.inference.generate import UInt8Pictures
from tests.parity import reference


def batches(
    config: ml_collections.ConfigDict, num_steps: int
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Yields the batches of this package's training, in [-1, 1]."""
    source = input_pipeline.open_split(config.dataset.name, config.image_size, "train")
    numpy_batches = input_pipeline.train_batches(
        source, batch_size=config.batch_size, seed=config.seed, num_threads=1
    )
    with contextlib.closing(numpy_batches):
        for _ in range(num_steps):
            batch = jax.device_get(next(numpy_batches))
            # The leading axis is that of devices.
            sketch, color = (np.concatenate(batch[key]) for key in ("sketch", "color"))
            yield to_pytorch(sketch), to_pytorch(color)


def to_pytorch(pictures: UInt8Pictures) -> torch.Tensor:
    """Converts NHWC in [0, 255] to NCHW in [-1, 1]."""
    return torch.from_numpy(np.array(pictures)).permute(0, 3, 1, 2).float() / 127.5 - 1


def initialize(network: torch.nn.Module) -> torch.nn.Module:
    """Draws kernels from a normal distribution of deviation 0.02, and sets biases to 0."""
    for layer in network.modules():
        if isinstance(layer, torch.nn.Conv2d | torch.nn.ConvTranspose2d):
            torch.nn.init.normal_(layer.weight, 0.0, 0.02)
            torch.nn.init.zeros_(layer.bias)
    return network


def train_in_pytorch(config: ml_collections.ConfigDict, num_steps: int) -> reference.Generator:
    """Trains, and returns the generator in evaluation mode."""
    torch.manual_seed(config.seed)
    generator = reference.Generator(list(config.generator.channels), config.generator.dropout_rate)
    discriminator = reference.Discriminator(list(config.discriminator.channels))
    adam = [
        torch.optim.Adam(
            initialize(network).parameters(),
            config.optimizer.learning_rate,
            (config.optimizer.beta1, config.optimizer.beta2),
        )
        for network in (generator, discriminator)
    ]
    trainer = reference.Trainer(generator, discriminator, None, *adam)
    for step, (sketch, color) in enumerate(batches(config, num_steps)):
        trainer.step(step, sketch, color)
    return generator.eval()


def colorize(generator: reference.Generator, sketches: UInt8Pictures) -> UInt8Pictures:
    """Colours sketches by a PyTorch generator."""
    with torch.inference_mode():
        color = generator(to_pytorch(sketches))
    levels = ((color + 1) * 127.5).round().to(torch.uint8)
    return levels.permute(0, 2, 3, 1).numpy()


def table(theirs: list[dict[str, float]], ours: list[dict[str, float]]) -> str:
    """Returns a Markdown table: medians and ranges over the seeds, and the rank-sum test."""
    lines = ["| | PyTorch | s2c_jax | p |", "| --- | --- | --- | ---: |"]
    for metric in theirs[0]:
        both = [[each[metric] for each in seeds] for seeds in (theirs, ours)]
        cells = [
            f"{statistics.median(values):.4f} ({min(values):.4f} to {max(values):.4f})"
            for values in both
        ]
        p = scipy.stats.mannwhitneyu(*both).pvalue
        lines.append(f"| {metric} | {cells[0]} | {cells[1]} | {p:.2f} |")
    return "\n".join(lines)


def main() -> None:
    """Trains seed after seed, and writes results.json beside this file."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    flags = parser.parse_args()
    output = Path(__file__).parent / "results.json"
    theirs = json.loads(output.read_text()) if output.exists() else {}
    for seed in flags.seeds:
        settings = {**RUNS["article"], "seed": seed, "num_epochs": EPOCHS}
        config = runs.load_config("configs/sketch2color.py", settings)
        train, validation = (
            input_pipeline.open_split(config.dataset.name, config.image_size, split)
            for split in ("train", "validation")
        )
        num_steps = EPOCHS * input_pipeline.steps_per_epoch(train, config.batch_size)
        generator = train_in_pytorch(config, num_steps)
        scores = score(functools.partial(colorize, generator), validation, len(validation))
        theirs[str(seed)] = scores.metrics
        output.write_text(json.dumps(theirs, indent=2) + "\n")
    ours = json.loads((WORKDIRS / "results.json").read_text())
    print(table(list(theirs.values()), ours["the article's recipe"]))


if __name__ == "__main__":
    main()
