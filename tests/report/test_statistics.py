"""Intervals against figures computed by hand, against SciPy, and by how often they hold the truth."""

from itertools import product

import numpy as np
import pytest
from scipy import stats

from star.report.statistics import Interval, bootstrap_intervals, paired_interval


def test_a_paired_interval_by_hand():
    """1, 2, 3: mean 2, sd 1, t(0.975, 2) = 4.302653 of the tables: 2 +- 4.302653 / sqrt(3)."""
    found = paired_interval([1.0, 2.0, 3.0])
    assert found == pytest.approx((2.0, 2 - 2.484138, 2 + 2.484138, 3), abs=1e-6)


def test_two_seeds_have_the_widest_interval():
    """t(0.975, 1) = 12.7062 of the tables, sd of 0 and 2 is sqrt(2): 1 +- 12.7062."""
    assert paired_interval([0.0, 2.0]) == pytest.approx((1.0, 1 - 12.7062047, 1 + 12.7062047, 2), abs=1e-6)


@pytest.mark.parametrize("differences", [[], [3.0], [1.5, 1.5, 1.5], [0.3, 0.1 + 0.2]])
def test_no_interval_without_a_spread(differences):
    assert paired_interval(differences) is None


@pytest.mark.parametrize("count", [2, 5, 30])
def test_paired_intervals_are_those_of_scipy(count):
    random = np.random.default_rng(count)
    ours, theirs = random.normal(50, 3, count), random.normal(48, 3, count)
    expected = stats.ttest_rel(ours, theirs).confidence_interval(0.95)
    found = paired_interval((ours - theirs).tolist())
    assert found is not None
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), rel=1e-9)


@pytest.mark.parametrize("count", [3, 5])
def test_the_paired_interval_holds_the_truth_in_95_of_100_studies(count):
    random = np.random.default_rng(0)
    held = 0
    for differences in random.normal(1.3, 2.0, (4000, count)):
        found = paired_interval(differences.tolist())
        held += found is not None and found.low <= 1.3 <= found.high
    assert held / 4000 == pytest.approx(0.95, abs=0.012)


def test_the_bootstrap_of_all_draws_by_brute_force():
    """Three identities with 1, 2 and 3 queries have 27 draws, all equally likely."""
    clusters = np.array([7, 3, 3, 9, 9, 9])
    values = np.array([[1.0, 2.0, 4.0, 0.0, 0.0, 9.0]])
    by_cluster = {7: [1.0], 3: [2.0, 4.0], 9: [0.0, 0.0, 9.0]}
    draws = [np.mean(sum((by_cluster[c] for c in draw), [])) for draw in product(by_cluster, repeat=3)]
    (found,) = bootstrap_intervals(values, clusters, resamples=40_000)
    assert found is not None
    assert found.mean == pytest.approx(16 / 6) and found.count == 3
    low, high = np.quantile(draws, (0.025, 0.975), method="inverted_cdf")
    assert (found.low, found.high) == pytest.approx((low, high), abs=0.05)


def test_quantities_share_their_draws_and_the_seed_decides_them():
    values = np.random.default_rng(0).random((2, 50))
    together = bootstrap_intervals(np.stack([values[0], values[1], values[0] - values[1]]), np.arange(50))
    alone = [bootstrap_intervals(row[None], np.arange(50))[0] for row in values]
    np.testing.assert_allclose(np.array(together[:2]), np.array(alone), rtol=1e-12)
    other = bootstrap_intervals(values[:1], np.arange(50), seed=1)
    assert not np.allclose(np.array(other), np.array(alone[:1]), rtol=1e-6)


def test_blocks_of_draws_do_not_change_the_interval(monkeypatch):
    values, clusters = np.random.default_rng(1).random((1, 60)), np.repeat(np.arange(20), 3)
    (whole,) = bootstrap_intervals(values, clusters, resamples=500)
    monkeypatch.setattr("star.report.statistics._BLOCK", 20 * 7)
    (again,) = bootstrap_intervals(values, clusters, resamples=500)
    assert again == pytest.approx(whole, rel=1e-12)


def test_one_identity_has_no_interval():
    assert bootstrap_intervals(np.ones((2, 4)), np.zeros(4)) == [None, None]


def _coverage(by_identity: bool) -> float:
    """Share of test sets whose interval holds the truth, 0; queries of an identity share most of their deviation."""
    random = np.random.default_rng(2)
    identities, queries, held, trials = 40, 6, 0, 300
    for _ in range(trials):
        shared = np.repeat(random.normal(0, 1.0, identities), queries)
        values = (shared + random.normal(0, 0.5, identities * queries))[None]
        clusters = np.repeat(np.arange(identities), queries) if by_identity else np.arange(identities * queries)
        (found,) = bootstrap_intervals(values, clusters, resamples=400)
        assert isinstance(found, Interval)
        held += found.low <= 0 <= found.high
    return held / trials


def test_drawing_identities_holds_the_truth_and_drawing_queries_does_not():
    assert 0.90 <= _coverage(by_identity=True) <= 0.98
    assert _coverage(by_identity=False) < 0.75
