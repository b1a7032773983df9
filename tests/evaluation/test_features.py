"""`star.rank`: answers and scores from features that come from anywhere."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import star
from star.errors import EvaluationError
from star.evaluation.k_reciprocal import k_reciprocal
from star.evaluation.ranking import rank as rank_similarity

QUERY = np.array([[1.0, 0.0], [0.0, 3.0]])
GALLERY = np.array([[2.0, 2.0], [5.0, 0.0], [0.0, 1.0]])


def test_the_gallery_is_ranked_by_cosine():
    found = star.rank(QUERY, GALLERY, count=2)
    np.testing.assert_array_equal(found.items, [[1, 0], [2, 0]])
    np.testing.assert_allclose(found.similarities, [[1, 0.5**0.5], [1, 0.5**0.5]], rtol=1e-6)
    assert found.right is None and found.scores is None


def test_identities_give_scores_and_cameras_the_filter():
    identities: dict[str, Any] = {"query_identities": [7, 8], "gallery_identities": [7, 7, 8]}
    found = star.rank(QUERY, GALLERY, **identities)
    assert found.scores is not None and found.right is not None
    np.testing.assert_array_equal(found.right, [[True, True, False], [True, False, False]])
    assert found.scores.mean_average_precision == 1
    found = star.rank(QUERY, GALLERY, **identities, query_cameras=[1, 1], gallery_cameras=[2, 1, 2])
    np.testing.assert_array_equal(found.items, [[0, 2, -1], [2, 0, 1]])
    assert np.isnan(found.similarities[0, 2])


def test_scores_are_those_of_the_evaluation():
    rng = np.random.default_rng(0)
    query, gallery = rng.normal(size=(9, 5)).astype(np.float32), rng.normal(size=(30, 5)).astype(np.float32)
    labels = [rng.integers(0, limit, rows) for limit, rows in ((4, 9), (4, 30), (2, 9), (2, 30))]
    names = ("query_identities", "gallery_identities", "query_cameras", "gallery_cameras")
    found = star.rank(query, gallery, **dict(zip(names, labels, strict=True)))
    lengths = [np.linalg.norm(rows, axis=1, keepdims=True) for rows in (query, gallery)]
    expected = rank_similarity((query / lengths[0]) @ (gallery / lengths[1]).T, *labels)
    assert found.scores is not None
    np.testing.assert_allclose(found.scores.cmc, expected.cmc)
    assert found.scores.mean_average_precision == pytest.approx(expected.mean_average_precision)
    found = star.rank(query, gallery, **dict(zip(names, labels, strict=True)), reranked=True)
    expected = rank_similarity(k_reciprocal(query / lengths[0], gallery / lengths[1]), *labels)
    assert found.scores is not None
    assert found.scores.mean_average_precision == pytest.approx(expected.mean_average_precision)


@pytest.mark.parametrize(
    ("gallery", "options", "message"),
    [
        (np.ones((3, 1)), {}, "rows of 1 numbers, expected 2 as in query_features"),
        (GALLERY[0], {}, r"gallery_features: given float64 \[2\], expected numbers \[rows d\]"),
        (GALLERY * [[1], [0], [1]], {}, "gallery_features: row 1 is zero"),
        (GALLERY + [[0], [0], [np.nan]], {}, "gallery_features: row 2 is zero or has a number that is not finite"),
        (GALLERY, {"query_identities": [1, 2]}, "identities: given for one side only"),
        (GALLERY, {"query_cameras": [1, 2], "gallery_cameras": [1, 2, 3]}, "cameras: given without identities"),
        (GALLERY, {"query_identities": [1, 2], "gallery_identities": [1, 2]}, "gallery_identities"),
        (GALLERY, {"query_identities": [1.5, 2], "gallery_identities": [1, 2, 3]}, "query_identities: given float64"),
        (GALLERY, {"query_identities": [1, 2], "gallery_identities": ["a", "b", "c"]}, "gallery_identities: given <U1"),
        (GALLERY, {"count": 0}, "count: given 0"),
    ],
)
def test_features_that_cannot_be_ranked_are_refused(gallery: np.ndarray, options: dict[str, Any], message: str):
    with pytest.raises(EvaluationError, match=message):
        star.rank(QUERY, gallery, **options)
