"""Scores a colouring of many sketches: what training's validation and `evaluate` measure."""

import functools
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Array, Float, PyTree

from s2c_jax.checkpoint import RANKING_METRIC
from s2c_jax.datasets import input_pipeline
from s2c_jax.datasets.pairs import PairSource
from s2c_jax.distributed import replicated_sharding
from s2c_jax.evaluation import frechet, metrics
from s2c_jax.inference.batching import batched
from s2c_jax.inference.generate import UInt8Pictures
from s2c_jax.models.ranges import normalize
from s2c_jax.pretrained import inception

# From sketches to colourings.
Colorize = Callable[[UInt8Pictures], UInt8Pictures]
# From pairs of pictures to the distance of each pair.
Distances = Callable[[UInt8Pictures, UInt8Pictures], Float[np.ndarray, " batch"]]
# From pictures to a feature vector of each.
Features = Callable[[UInt8Pictures], Float[np.ndarray, "batch d"]]

# Pairs in memory at once. Keep this number fixed. The size of a chunk changes the order of
# summation, and so the last digits of a metric; it must not follow the number of devices.
CHUNK = 64


class MetricNetworks(NamedTuple):
    """The networks that some metrics need, from `on_devices`; None leaves the metric out.

    Attributes:
        lpips: of `lpips.distance`.
        inception: of `inception.features`, for FID.
        true_gaussian: from `true_features`, for FID.
    """

    lpips: Distances | None = None
    inception: Features | None = None
    true_gaussian: frechet.Gaussian | None = None


class Scores(NamedTuple):
    """How good a colouring of many sketches is.

    Attributes:
        metrics: by name, over all pictures: those of `metrics.measure` that have something to
            measure, "lpips" and "fid".
        ranking: the indices of the pictures whose truth is coloured, the best first by
            `RANKING_METRIC`.
    """

    metrics: dict[str, float]
    ranking: list[int]


def on_devices(metric: Callable[..., Array], network: PyTree) -> Callable[..., np.ndarray]:
    """Returns a metric with its network, as a function of uint8 pictures.

    All of this process's devices compute it.

    Args:
        metric: a function of the network and of pictures in [-1, 1].
        network: the first argument of `metric`.
    """
    compute = batched(lambda network, *pictures: metric(network, *map(normalize, pictures)))
    return functools.partial(compute, jax.device_put(network, replicated_sharding()))


def true_features(features: Features, source: PairSource, count: int) -> frechet.Gaussian:
    """Returns the distribution of the features of the first `count` true pictures.

    Raises:
        UserError: there are fewer than two pairs.
    """
    sums = frechet.empty_sums(inception.FEATURE_SIZE)
    for _, pairs in _chunks(source, count):
        sums = frechet.add(sums, features(pairs["color"]))
    return frechet.gaussian(sums)


def score(
    colorize: Colorize,
    source: PairSource,
    count: int,
    networks: MetricNetworks = MetricNetworks(),  # noqa: B008
) -> Scores:
    """Measures a colouring of the first `count` pairs, by a network or by any other function.

    The same pictures give the same numbers to the last digit. Pairs are read, coloured and measured
    in chunks, so memory does not grow with their number. `networks.true_gaussian` must be of the
    same pairs.
    """
    sums: dict[str, metrics.Ratio] = {}
    ranked: list[tuple[float, int]] = []
    true = networks.true_gaussian
    features = None if true is None else frechet.empty_sums(len(true.mean))
    with ThreadPoolExecutor() as pool:
        for indices, pairs in _chunks(source, count):
            colored = colorize(pairs["sketch"])
            measured = list(pool.map(metrics.measure, pairs["sketch"], colored, pairs["color"]))
            if networks.lpips:
                distances = networks.lpips(colored, pairs["color"])
                for ratios, distance in zip(measured, distances, strict=True):
                    ratios["lpips"] = metrics.Ratio(float(distance), 1.0)
            if networks.inception and features:
                features = frechet.add(features, networks.inception(colored))
            for i, ratios in zip(indices, measured, strict=True):
                sums = metrics.add(sums, ratios)
                if ratios[RANKING_METRIC].weight:
                    ranked.append((ratios[RANKING_METRIC].value, i))
    values = {name: ratio.value for name, ratio in sums.items() if ratio.weight}
    if true and features:
        values["fid"] = frechet.distance(frechet.gaussian(features), true)
    return Scores(values, [i for _, i in sorted(ranked)])


def _chunks(source: PairSource, count: int) -> Iterator[tuple[range, input_pipeline.Pairs]]:
    """Yields the indices and the pairs of each chunk of the first `count` pairs."""
    count = min(count, len(source))
    for start in range(0, count, CHUNK):
        indices = range(start, min(start + CHUNK, count))
        yield indices, input_pipeline.read_pairs(source, indices)
