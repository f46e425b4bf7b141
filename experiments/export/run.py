"""Compares exported generators with this package's inference: pictures and time.

python -m experiments.export.run --workdir runs/openmoji

Prints the largest difference on held-out drawings, and the time of a call, for the run's network,
and for the untrained network of configs/kaggle.py at 256 px.
"""

import argparse
import itertools
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import jax
import jax.export
import numpy as np
import onnxruntime
from jaxtyping import PyTree

from experiments import runs
from s2c_jax import runtime
from s2c_jax.datasets import input_pipeline
from s2c_jax.export import export_run
from s2c_jax.inference import generate, load, onnx_backend
from s2c_jax.models.generator import Generator

DRAWINGS = 20
ROUNDS = 5
# Timed calls in a round.
CALLS = 5
BATCHES = (1, 8)
# Side in pixels, and channels, of the network of configs/kaggle.py that 256 px allow.
LARGE = 256
CHANNELS = (64, 128, 256, 512, 512, 512, 512, 512)

Function = Callable[..., np.ndarray]


def functions(generator: Generator, variables: PyTree) -> dict[str, Function]:
    """Returns the generator as this package's program and as each exported file runs it."""
    names = list(generate.network_inputs(generator))
    ours = jax.jit(
        lambda *given: generator.apply(
            variables, **dict(zip(names, given, strict=True)), train=False
        )
    )
    session = onnxruntime.InferenceSession(
        onnx_backend.to_onnx(generator, variables).SerializeToString()
    )
    file = export_run.to_stablehlo(generator, variables).serialize()
    exported = jax.jit(jax.export.deserialize(file).call)
    return {
        "ours": lambda *given: np.asarray(ours(*given)),
        "ONNX Runtime": lambda *given: session.run(None, dict(zip(names, given, strict=True)))[0],
        "StableHLO": lambda *given: np.asarray(exported(*given)),
    }


def arguments(generator: Generator, sketches: np.ndarray) -> list[np.ndarray]:
    """Returns a network's inputs: sketches, and empty guidance if the network takes guidance."""
    shapes = {"hints": (*sketches.shape[:3], 4), "palette": (len(sketches), 4, 4, 4)}
    guidance = [
        np.zeros(shapes[name], np.float32)
        for name in generate.network_inputs(generator)
        if name in shapes
    ]
    return [sketches, *guidance]


def print_times(title: str, calls: dict[str, Function], generator: Generator, size: int) -> None:
    """Prints the median milliseconds of each function, which are called in turn."""
    for batch in BATCHES:
        sketches = np.random.default_rng(0).uniform(-1, 1, (batch, size, size, 3))
        inputs = arguments(generator, sketches.astype(np.float32))
        seconds: dict[str, list[float]] = {name: [] for name in calls}
        for _, (name, function) in itertools.product(range(ROUNDS), calls.items()):
            # ONNX Runtime's threads spin for a while after a call, and slow others.
            time.sleep(0.5)
            function(*inputs)
            for _ in range(CALLS):
                begun = time.perf_counter()
                function(*inputs)
                seconds[name].append(time.perf_counter() - begun)
        cells = [f"{statistics.median(each) * 1e3:.1f}" for each in seconds.values()]
        print(f"| {title} | {batch} | {' | '.join(cells)} |", flush=True)


def main() -> None:
    """Prints differences and times."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--workdir", type=Path, required=True)
    flags = parser.parse_args()
    runtime.keep_memory()
    config, generator, _, variables = load.load_generator(flags.workdir, "last")
    source = input_pipeline.open_split(
        config.dataset.name, config.image_size, "validation", config.dataset.data_dir
    )
    sketches = input_pipeline.read_pairs(source, range(DRAWINGS))["sketch"]
    inputs = arguments(generator, (sketches / 127.5 - 1).astype(np.float32))
    small = functions(generator, variables)
    color = {name: function(*inputs) for name, function in small.items()}
    for name in ("ONNX Runtime", "StableHLO"):
        difference = np.abs(color[name] - color["ours"]).max()
        print(f"{name}: {DRAWINGS} held-out drawings differ by at most {difference:.1e}")

    print(f"| | batch | {' | '.join(small)} |\n| --- | ---: |" + " ---: |" * len(small))
    print_times(f"the run's, {config.image_size} px", small, generator, config.image_size)
    settings = runs.load_config("configs/kaggle.py", {"generator.channels": CHANNELS})
    large = Generator(**settings.generator)
    picture = np.zeros((1, LARGE, LARGE, 3), np.float32)
    initial = jax.jit(lambda: large.init(jax.random.key(0), picture, train=False))()
    untrained = functions(large, jax.tree.map(np.asarray, initial))
    print_times(f"configs/kaggle.py, {LARGE} px", untrained, large, LARGE)


if __name__ == "__main__":
    main()
