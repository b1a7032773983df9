"""Re-ranking against the paper written down pair by pair, its limits, and the filter of the protocol."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from support.plain_ranking import plain_ranking
from support.plain_reranking import plain_jaccard, plain_k_reciprocal
from support.tiny_bupt import write_tiny_bupt

from star.data.bupt_campus import read_bupt_campus
from star.errors import EvaluationError
from star.evaluation.evaluator import rank_test_set
from star.evaluation.k_reciprocal import BLOCK, k_reciprocal
from star.evaluation.reranking import Reranked, halves_of, rerank_test_set
from star.evaluation.temporal_k_reciprocal import Halves, temporal_k_reciprocal
from star.types import SCORE_NAMES

QUERIES, GALLERY, IDENTITIES = 30, 40, 9


def features(count: int, seed: int = 0, noise: float = 1.0) -> np.ndarray:
    """[count 8] float32, L2-normalised, in clusters."""
    random = np.random.default_rng(seed)
    centres = np.random.default_rng(7).standard_normal((IDENTITIES, 8))
    rows = centres[np.arange(count) % IDENTITIES] + noise * random.standard_normal((count, 8))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture(scope="module")
def query() -> np.ndarray:
    return features(QUERIES, 1)


@pytest.fixture(scope="module")
def gallery() -> np.ndarray:
    return features(GALLERY, 2)


@pytest.mark.parametrize(("k1", "k2", "weight"), [(20, 6, 0.3), (5, 3, 0.0), (4, 1, 0.5)])
def test_similarities_are_those_of_the_paper(query, gallery, k1: int, k2: int, weight: float):
    found = k_reciprocal(query, gallery, k1=k1, k2=k2, weight=weight)
    expected = 1 - plain_k_reciprocal(query, gallery, k1, k2, weight)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)


def test_blocks_of_rows_join(monkeypatch: pytest.MonkeyPatch, query, gallery):
    whole = k_reciprocal(query, gallery)
    for name, value in (("_blocks.__defaults__", (7,)), ("PAIR_NUMBERS", 64)):
        monkeypatch.setattr(f"star.evaluation.k_reciprocal.{name}", value)
    assert len(query) + len(gallery) < BLOCK
    np.testing.assert_allclose(k_reciprocal(query, gallery), whole, rtol=0, atol=1e-6)


def test_weight_one_is_the_plain_ranking(query, gallery):
    order = np.argsort(-k_reciprocal(query, gallery, weight=1.0), axis=1)
    np.testing.assert_array_equal(order, np.argsort(-(query @ gallery.T), axis=1))


def test_items_may_come_in_any_order(query, gallery):
    order = np.random.default_rng(3).permutation(GALLERY)
    expected = k_reciprocal(query, gallery)[:, order]
    np.testing.assert_allclose(k_reciprocal(query, gallery[order]), expected, rtol=0, atol=1e-6)


def test_queries_and_gallery_can_change_places(query, gallery):
    """Of the neighbourhoods alone; the plain distances are divided by the largest of their own row."""
    found = k_reciprocal(query, gallery, weight=0.0)
    np.testing.assert_allclose(k_reciprocal(gallery, query, weight=0.0), found.T, rtol=0, atol=1e-6)


def test_it_helps_where_identities_lie_in_clusters():
    """Queries lie off their clusters in one direction, as another modality does."""
    clean = features(GALLERY, 5, noise=0.3)
    shifted = features(QUERIES, 6, noise=0.3) + np.float32(0.8) * features(1, 8)
    right = np.arange(QUERIES)[:, None] % IDENTITIES == np.arange(GALLERY) % IDENTITIES

    def precision(similarity: np.ndarray) -> float:
        order = np.argsort(-similarity, axis=1)
        return float(np.take_along_axis(right, order, axis=1)[:, :4].mean())

    plain = precision(k_reciprocal(shifted, clean, weight=1.0))
    assert plain < 0.9 and precision(k_reciprocal(shifted, clean, k1=6, k2=3)) > plain + 0.02


@pytest.mark.parametrize("items", ["alike", "few"])
def test_what_has_no_neighbourhoods_keeps_numbers(items: str):
    some = np.ones((60, 4), np.float32) if items == "alike" else features(4)
    found = k_reciprocal(some[:2], some[2:])
    assert np.isfinite(found).all() and (found <= 1).all()


def test_temporal_form_is_that_of_auxnet():
    query = Halves(*(features(QUERIES, seed) for seed in (1, 2, 3)))
    gallery = Halves(*(features(GALLERY, seed) for seed in (4, 5, 6)))

    def jaccard(one: np.ndarray, other: np.ndarray) -> np.ndarray:
        items = np.concatenate([one, other]).astype(np.float64)
        distance = np.sqrt(((items[:, None] - items) ** 2).sum(axis=2) + 1e-5)
        distance /= distance.max(axis=1, keepdims=True)
        return plain_jaccard(distance, 5, 3)[:QUERIES, QUERIES:]

    whole = np.linalg.norm(query.whole[:, None].astype(np.float64) - gallery.whole, axis=2)
    expected = 0.8 * whole + 0.2 * jaccard(query.whole, gallery.whole)
    expected += 0.1 * (jaccard(query.first, gallery.second) + jaccard(query.second, gallery.first))
    np.testing.assert_allclose(temporal_k_reciprocal(query, gallery), 1 - expected, rtol=0, atol=2e-6)


@pytest.mark.parametrize("same_camera_filter", [True, False])
def test_a_test_set_is_ranked_under_its_protocol(tmp_path, same_camera_filter: bool):
    write_tiny_bupt(tmp_path, identities=2, auxiliary=0, infrared_queries=12, visible_queries=9, frames=3)
    data = read_bupt_campus(tmp_path, same_camera_filter=same_camera_filter)
    rows = {split.name: features(len(split.tracklets), seed) for seed, split in enumerate(data.test_splits)}
    plain = rank_test_set(data, rows).scores
    same = rerank_test_set(data, rows, partial(k_reciprocal, weight=1.0))
    found = rerank_test_set(data, rows, k_reciprocal)
    for direction, pair in data.test.items():
        np.testing.assert_array_equal(same[direction].cmc, plain[direction].cmc)
        assert same[direction].mean_average_precision == pytest.approx(plain[direction].mean_average_precision)
        similarity = k_reciprocal(rows[pair.query.name], rows[pair.gallery.name])
        expected = plain_ranking(similarity, *pair.labels, same_camera_filter=same_camera_filter)
        assert found[direction].mean_average_precision == pytest.approx(expected.mean_average_precision, rel=1e-12)
        assert found[direction].valid_queries == plain[direction].valid_queries
    metrics = Reranked("k_reciprocal", found).metrics()
    assert metrics["v2i/mAP_k_reciprocal"] == 100 * found["v2i"].mean_average_precision
    assert len(metrics) == 2 * len(SCORE_NAMES)

    first, second = halves_of(data.test_splits[0])
    whole = data.test_splits[0].tracklets[0]
    assert (first.tracklets[0].frames, second.tracklets[0].frames) == (whole.frames[:1], whole.frames[1:])
    (one,) = halves_of(first)[0].tracklets[:1]
    assert one.frames == whole.frames[:1] == halves_of(first)[1].tracklets[0].frames


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"weight": 1.5}, "expected 0 to 1"),
        ({"k1": 4, "k2": 6}, "k2 from 1 to k1"),
        ({"gallery": features(5)[:, :3]}, "same d"),
        ({"query": np.full((3, 8), np.nan, np.float32)}, "query features have numbers that are not finite"),
    ],
)
def test_what_cannot_be_re_ranked_is_refused(query, gallery, change: dict, message: str):
    with pytest.raises(EvaluationError, match=message):
        k_reciprocal(**{"query": query, "gallery": gallery, **change})
