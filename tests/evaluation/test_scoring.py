"""Scores of a whole split, for colourings and networks whose answer is known."""

import numpy as np

from s2c_jax.datasets import input_pipeline
from s2c_jax.evaluation import frechet, scoring
from tests.support.drawings import encoded


def test_score_reads_pairs_in_chunks(validation, monkeypatch):
    read, sizes = input_pipeline.read_pairs, []

    def counted(source, indices):
        sizes.append(len(indices))
        return read(source, indices)

    monkeypatch.setattr(input_pipeline, "read_pairs", counted)
    monkeypatch.setattr(scoring, "CHUNK", 8)
    source = [validation[0]] * 17
    scoring.score(lambda sketches: sketches, source, len(source))
    assert sizes == [8, 8, 1]


def test_ranking_orders_pictures_by_ciede2000_and_leaves_out_those_without_colour(validation):
    """Four copies of a pair, coloured more or less pale; the first one's truth has no colour."""
    pair = input_pipeline.read_pairs(validation, [0])
    sketch, color = pair["sketch"][0], pair["color"][0]
    source = [encoded(sketch, sketch), *3 * [encoded(sketch, color)]]
    truth = pair["color"].astype(float)
    pale = iter([truth, truth * 0.5 + 127.5, truth, truth * 0.8 + 51])

    def colorize(sketches):
        return np.concatenate([next(pale).round().astype(np.uint8) for _ in sketches])

    assert scoring.score(colorize, source, 4).ranking == [2, 3, 1]


def test_without_colour_in_the_truth_there_is_no_ciede2000_and_no_ranking(validation):
    sketch = input_pipeline.read_pairs(validation, [0])["sketch"][0]
    source = [encoded(sketch, sketch)] * 2
    scores = scoring.score(lambda sketches: sketches, source, 2)
    assert "ciede2000" not in scores.metrics
    assert scores.metrics["mae"] == 0
    assert scores.ranking == []


def test_lpips_and_fid_come_from_the_networks(validation):
    """Stand-ins for the networks: the mean level, and the difference of mean levels."""

    def level(pictures):
        levels = pictures.mean(axis=(1, 2, 3))
        return np.pad(levels[:, None], ((0, 0), (0, 2)))

    count = len(validation)
    pictures = input_pipeline.read_pairs(validation, range(count))
    true, grey = (pictures[key].mean(axis=(1, 2, 3)) for key in ("color", "sketch"))
    features = np.zeros((count, 3))
    features[:, 0] = true
    networks = scoring.MetricNetworks(
        lambda a, b: np.abs(level(a) - level(b))[:, 0],
        level,
        frechet.gaussian(frechet.add(frechet.empty_sums(3), features)),
    )
    found = scoring.score(lambda sketches: sketches, validation, count, networks).metrics
    np.testing.assert_allclose(found["lpips"], np.abs(true - grey).mean(), rtol=1e-5)
    shift, spread = grey.mean() - true.mean(), grey.std(ddof=1) - true.std(ddof=1)
    np.testing.assert_allclose(found["fid"], shift**2 + spread**2, rtol=1e-4)


def test_true_features_is_the_distribution_over_the_true_pictures(validation, monkeypatch):
    monkeypatch.setattr(scoring.inception, "FEATURE_SIZE", 3)
    monkeypatch.setattr(scoring, "CHUNK", 2)
    found = scoring.true_features(
        lambda pictures: pictures.mean(axis=(1, 2)), validation, len(validation)
    )
    means = input_pipeline.read_pairs(validation, range(len(validation)))["color"].mean(axis=(1, 2))
    np.testing.assert_allclose(found.mean, means.mean(axis=0))
    np.testing.assert_allclose(found.covariance, np.cov(means, rowvar=False))
