"""How good a colouring of many sketches is: what training and the command evaluate measure."""

import functools
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import jax
import numpy as np

from s2c_jax.checkpoint import RANKING_METRIC
from s2c_jax.datasets import input_pipeline
from s2c_jax.datasets.pairs import PairSource
from s2c_jax.distributed import replicated_sharding
from s2c_jax.errors import UserError, naming
from s2c_jax.evaluation import frechet, metrics
from s2c_jax.inference.batching import batched
from s2c_jax.inference.generate import Pictures
from s2c_jax.models.ranges import normalize
from s2c_jax.pretrained import inception, lpips, vgg16
from s2c_jax.pretrained.weight_files import ConvWeights

Colorize = Callable[[Pictures], Pictures]


# Pairs in memory at once. The same on any number of devices: sums' last digits depend on it.
CHUNK = 64


class Networks(NamedTuple):
    """The networks of the metrics that need weights' files; None leaves a metric out.

    Attributes:
        lpips: from two batches of pictures to their distances.
        inception: from a batch of pictures to its features.
        true_features: what `inception` makes of the true pictures.
    """

    lpips: Callable[..., np.ndarray] | None = None
    inception: Callable[..., np.ndarray] | None = None
    true_features: frechet.Gaussian | None = None


class Scores(NamedTuple):
    """How good a colouring of many sketches is.

    Attributes:
        metrics: see `metrics.measure`, over all pictures; without those that there was nothing to
            measure of.
        ranking: the indices of the pictures whose truth is coloured, from the smallest `BEST_BY`
            of its own to the largest.
    """

    metrics: dict[str, float]
    ranking: list[int]


def load_networks(
    source: PairSource, count: int, lpips_vgg: str, lpips_linear: str, inception_file: str
) -> Networks:
    """Loads what there are files for.

    Args:
        source: pairs, whose true pictures FID compares with.
        count: how many of them, from the first on.
        lpips_vgg: see `models.lpips.load`; "" leaves LPIPS out.
        lpips_linear: given if and only if `lpips_vgg` is.
        inception_file: see `models.inception.load`; "" leaves FID out.

    Raises:
        UserError: a file is not what it should be, or one of LPIPS's two is missing.
    """
    if bool(lpips_vgg) != bool(lpips_linear):
        raise UserError("--lpips_vgg and --lpips_linear: LPIPS needs both files")
    networks = Networks()
    if lpips_vgg:
        lpips_network = jax.device_put(_load_lpips(lpips_vgg, lpips_linear), replicated_sharding())
        distance = batched(
            lambda network, a, b: lpips.distance(network, normalize(a), normalize(b))
        )
        networks = networks._replace(lpips=functools.partial(distance, lpips_network))
    if inception_file:
        inception_network = jax.device_put(_load_inception(inception_file), replicated_sharding())
        features = batched(lambda network, a: inception.features(network, normalize(a)))
        features_of = functools.partial(features, inception_network)
        sums = frechet.no_sums(inception.FEATURES)
        for _, pairs in _chunks(source, count):
            sums = frechet.add(sums, features_of(pairs["color"]))
        networks = networks._replace(inception=features_of, true_features=frechet.gaussian(sums))
    return networks


def _load_lpips(vgg_file: str, linear_file: str) -> lpips.Lpips:
    with naming("--lpips_vgg"):
        vgg = vgg16.load_torchvision(vgg_file)
    with naming("--lpips_linear"):
        return lpips.load(vgg, linear_file)


def _load_inception(file: str) -> dict[str, ConvWeights]:
    with naming("--inception"):
        return inception.load(file)


def score(
    colorize: Colorize,
    source: PairSource,
    count: int,
    networks: Networks = Networks(),  # noqa: B008
) -> Scores:
    """Measures a colouring: a network's, or anything else that makes pictures of sketches.

    The same pictures give the same numbers to the last digit. Pairs are read, coloured and measured
    a chunk at a time.

    Args:
        colorize: from sketches to their colourings.
        source: pairs, from `input_pipeline.open_split`.
        count: how many of them, from the first on.
        networks: of LPIPS and FID, from `load_networks` for the same pairs.
    """
    sums: dict[str, metrics.Ratio] = {}
    ranked: list[tuple[float, int]] = []
    features = frechet.no_sums(inception.FEATURES if networks.inception else 0)
    with ThreadPoolExecutor() as pool:
        for indices, pairs in _chunks(source, count):
            colored = colorize(pairs["sketch"])
            measured = list(pool.map(metrics.measure, pairs["sketch"], colored, pairs["color"]))
            if networks.lpips:
                distances = networks.lpips(colored, pairs["color"])
                for ratios, distance in zip(measured, distances, strict=True):
                    ratios["lpips"] = metrics.Ratio(float(distance), 1.0)
            if networks.inception:
                features = frechet.add(features, networks.inception(colored))
            for i, ratios in zip(indices, measured, strict=True):
                sums = metrics.add(sums, ratios)
                if ratios[RANKING_METRIC].weight:
                    ranked.append((ratios[RANKING_METRIC].value, i))
    found = {name: ratio.value for name, ratio in sums.items() if ratio.weight}
    if networks.true_features:
        found["fid"] = frechet.distance(frechet.gaussian(features), networks.true_features)
    return Scores(found, [i for _, i in sorted(ranked)])


def _chunks(source: PairSource, count: int) -> Iterator[tuple[range, input_pipeline.Pairs]]:
    count = min(count, len(source))
    for start in range(0, count, CHUNK):
        indices = range(start, min(start + CHUNK, count))
        yield indices, input_pipeline.read_pairs(source, indices)
