"""Intervals of scores and differences.

There are two kinds, which answer different questions and are never mixed:

* `paired_interval`, over seeds: would another training give the same difference on this test set? Student's t with
  n - 1 degrees of freedom on the differences of runs with the same seed.
* `bootstrap_intervals`, over the queries of one run: would other people in the test set give the same figure for this
  one trained network? Queries of one identity are alike (same clothes, same gallery items), so by default identities
  are drawn, each with all its queries; drawing single queries would make the interval too narrow.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np

Resample = Literal["identities", "queries"]
LEVEL = 0.95
RESAMPLES = 10_000
_BLOCK = 2_000_000
_SAME = 1e-9


class Interval(NamedTuple):
    """A mean with its 95 % confidence interval.

    Attributes:
        mean: of the sample.
        low, high: ends of the interval.
        count: what was drawn: seeds, identities or queries.
    """

    mean: float
    low: float
    high: float
    count: int


def paired_interval(differences: Sequence[float]) -> Interval | None:
    """Confidence interval of a mean difference over seeds: mean ± t(0.975, n - 1) sd / sqrt(n).

    Args:
        differences: one number a seed.

    Returns:
        None where the differences tell nothing of their spread: fewer than two, or all the same (scores of few queries
        move in steps).
    """
    from scipy.special import stdtrit

    count = len(differences)
    if count < 2 or np.ptp(differences) < _SAME:
        return None
    mean = float(np.mean(differences))
    half = float(stdtrit(count - 1, (1 + LEVEL) / 2) * np.std(differences, ddof=1) / np.sqrt(count))
    return Interval(mean, mean - half, mean + half, count)


def bootstrap_intervals(
    values: np.ndarray, clusters: np.ndarray, *, resamples: int = RESAMPLES, seed: int = 0
) -> list[Interval | None]:
    """Percentile bootstrap of means over queries; whole clusters are drawn with replacement.

    The mean of a draw is that over all its queries, so large clusters weigh more, as they do in the score.

    Args:
        values: [v q] float64, v quantities of the same queries, e.g. the differences of their average precisions.
        clusters: [q], what is drawn together: identities, or a number of its own for every query.
        resamples: draws.
        seed: of the draws; the same for all quantities.

    Returns:
        v intervals; None for all of them if there are fewer than two clusters.
    """
    _, cluster = np.unique(clusters, return_inverse=True)
    count = int(cluster.max(initial=-1)) + 1
    if count < 2:
        return [None] * len(values)
    sizes = np.bincount(cluster, minlength=count).astype(np.float64)
    sums = np.stack([np.bincount(cluster, weights=row, minlength=count) for row in values], axis=1)
    random = np.random.default_rng(seed)
    block = max(1, _BLOCK // count)
    means = []
    for first in range(0, resamples, block):
        rows = min(block, resamples - first)
        drawn = random.integers(0, count, (rows, count)) + count * np.arange(rows)[:, None]
        times = np.bincount(drawn.ravel(), minlength=rows * count).reshape(rows, count).astype(np.float64)
        means.append((times @ sums) / (times @ sizes)[:, None])
    tail = (1 - LEVEL) / 2
    low, high = np.quantile(np.concatenate(means), (tail, 1 - tail), axis=0)
    return [
        Interval(float(mean), float(below), float(above), count)
        for mean, below, above in zip(sums.sum(axis=0) / sizes.sum(), low, high, strict=True)
    ]
