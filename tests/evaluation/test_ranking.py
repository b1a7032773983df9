"""The ranking against its brute-force twin, against reference numbers and on cases worked out by hand."""

from pathlib import Path

import numpy as np
import pytest
from support.plain_ranking import plain_ranking

from star.errors import EvaluationError
from star.evaluation.ranking import rank, rank_queries, top

GOLDEN = Path(__file__).parents[1] / "golden"


def _case(seed: int, queries: int, gallery: int, identities: int, cameras: int, levels: int | None):
    random = np.random.default_rng(seed)
    similarity = random.uniform(-1, 1, (queries, gallery)).astype(np.float32)
    if levels is not None:
        similarity = (np.round(similarity * levels) / levels).astype(np.float32)
    labels = [
        random.integers(0, high, size)
        for size, high in ((queries, identities), (gallery, identities), (queries, cameras), (gallery, cameras))
    ]
    return similarity, *labels


CASES = [
    pytest.param(0, 40, 60, 8, 3, None, id="no ties"),
    pytest.param(1, 70, 130, 10, 3, 10, id="many ties"),
    pytest.param(2, 70, 130, 10, 3, 1, id="three values only"),
    pytest.param(3, 100, 50, 40, 1, None, id="one camera, everything removed or matchless"),
    pytest.param(4, 64, 200, 4, 100, 5, id="many cameras"),
    pytest.param(5, 129, 7, 6, 4, 3, id="gallery shorter than the curve"),
    pytest.param(6, 1, 300, 2, 2, None, id="one query"),
    pytest.param(7, 200, 80, 90, 5, 4, id="more identities than gallery items"),
]


@pytest.mark.parametrize(("seed", "queries", "gallery", "identities", "cameras", "levels"), CASES)
def test_equals_the_plain_loop(seed, queries, gallery, identities, cameras, levels):
    case = _case(seed, queries, gallery, identities, cameras, levels)
    ranks = rank_queries(*case)
    if not (ranks.first_hit > 0).any():
        with pytest.raises(EvaluationError, match="none of the"):
            rank(*case)
        return
    expected, scores = plain_ranking(*case), rank(*case)
    np.testing.assert_array_equal(ranks.first_hit, expected.first_hit)
    np.testing.assert_array_equal(scores.cmc, expected.cmc)
    np.testing.assert_allclose(ranks.average_precision, expected.average_precision, rtol=1e-12)
    assert scores.mean_average_precision == pytest.approx(expected.mean_average_precision, rel=1e-12)
    assert scores.mean_inverse_negative_penalty == pytest.approx(expected.mean_inverse_negative_penalty, rel=1e-12)
    assert scores.valid_queries == int((expected.first_hit > 0).sum())
    assert (scores.queries, scores.gallery) == (queries, gallery)


@pytest.mark.parametrize("seed", range(20))
def test_equals_the_plain_loop_on_random_sizes(seed):
    random = np.random.default_rng(1000 + seed)
    queries, gallery = random.integers(1, 150, 2)
    case = _case(
        seed, queries, gallery, int(random.integers(1, 12)), int(random.integers(2, 9)), int(random.integers(1, 30))
    )
    ranks = rank_queries(*case)
    if (ranks.first_hit > 0).any():
        expected = plain_ranking(*case)
        np.testing.assert_array_equal(ranks.first_hit, expected.first_hit)
        np.testing.assert_allclose(ranks.average_precision, expected.average_precision, rtol=1e-12)


def test_reference_numbers():
    stored = np.load(GOLDEN / "ranking.npz")
    labels = (stored[f"{side}_{what}"] for what in ("identity", "camera") for side in ("query", "gallery"))
    scores = rank(-stored["distance"], *labels)
    assert scores.mean_average_precision == pytest.approx(float(stored["mAP"]), rel=1e-9)
    np.testing.assert_allclose(scores.cmc, stored["cmc"], atol=1e-7)
    assert scores.queries - scores.valid_queries == 4


def test_by_hand():
    """Order 2 0 3 1 4; item 2 is removed (own camera), hits are item 3 (rank 2) and item 4 (rank 4)."""
    similarity = np.array([[0.8, 0.5, 0.9, 0.6, 0.1]], dtype=np.float32)
    scores = rank(similarity, np.array([7]), np.array([1, 2, 7, 7, 7]), np.array([1]), np.array([1, 1, 1, 2, 3]))
    assert scores.mean_average_precision == pytest.approx((1 / 2 + 2 / 4) / 2)
    assert scores.mean_inverse_negative_penalty == pytest.approx(2 / 4)
    assert scores.cmc[:3].tolist() == [0.0, 1.0, 1.0]
    assert scores.as_metrics()["R5"] == 100.0


def test_ties_keep_the_order_of_the_gallery():
    similarity = np.zeros((1, 4), dtype=np.float32)
    gallery = np.array([3, 5, 4, 5])
    scores = rank(similarity, np.array([5]), gallery, np.array([0]), np.ones(4, dtype=int))
    assert scores.mean_average_precision == pytest.approx((1 / 2 + 2 / 4) / 2)
    assert rank(similarity, np.array([3]), gallery, np.array([0]), np.ones(4, dtype=int)).cmc[0] == 1.0


@pytest.mark.parametrize(("seed", "queries", "gallery", "identities", "cameras", "levels"), CASES)
def test_without_the_camera_filter_equals_the_plain_loop(seed, queries, gallery, identities, cameras, levels):
    case = _case(seed, queries, gallery, identities, cameras, levels)
    expected = plain_ranking(*case, same_camera_filter=False)
    scores, ranks = rank(*case, same_camera_filter=False), rank_queries(*case, same_camera_filter=False)
    np.testing.assert_array_equal(ranks.first_hit, expected.first_hit)
    np.testing.assert_array_equal(scores.cmc, expected.cmc)
    np.testing.assert_allclose(ranks.average_precision, expected.average_precision, rtol=1e-12)
    assert scores.mean_inverse_negative_penalty == pytest.approx(expected.mean_inverse_negative_penalty, rel=1e-12)
    assert scores.valid_queries == int((expected.first_hit > 0).sum())


def test_a_transposed_matrix_is_ranked_as_its_copy():
    similarity, q_identity, g_identity, q_camera, g_camera = _case(3, 30, 41, 5, 3, 6)
    labels = (g_identity, q_identity, g_camera, q_camera)
    scores, expected = rank(similarity.T, *labels), plain_ranking(np.ascontiguousarray(similarity.T), *labels)
    assert scores.mean_average_precision == pytest.approx(expected.mean_average_precision, rel=1e-12)
    np.testing.assert_array_equal(scores.cmc, expected.cmc)
    assert (scores.queries, scores.gallery) == (41, 30)


def test_top_gives_the_first_answers_of_the_filtered_order():
    similarity, *labels = _case(11, 25, 40, 4, 3, 4)
    q_identity, g_identity, q_camera, g_camera = labels
    for answers in top(similarity, *labels, chosen=np.array([3, 0, 24]), count=10):
        order = np.argsort(-similarity[answers.query], kind="stable")
        removed = (g_identity == q_identity[answers.query]) & (g_camera == q_camera[answers.query])
        assert answers.items.tolist() == [item for item in order.tolist() if not removed[item]][:10]
        assert answers.right.tolist() == (g_identity[answers.items] == q_identity[answers.query]).tolist()
        assert (np.diff(answers.similarities) <= 0).all()
    first_hits = rank_queries(similarity, *labels).first_hit
    for answers in top(similarity, *labels, chosen=np.arange(25), count=10):
        if 0 < first_hits[answers.query] <= 10:
            assert int(np.argmax(answers.right)) + 1 == first_hits[answers.query]
        else:
            assert not answers.right.any()


def test_top_without_the_camera_filter_leaves_nothing_out():
    similarity, *labels = _case(11, 25, 40, 4, 3, 4)
    for answers in top(similarity, *labels, chosen=np.arange(25), count=40, same_camera_filter=False):
        assert answers.items.tolist() == np.argsort(-similarity[answers.query], kind="stable").tolist()


def test_top_gives_fewer_answers_when_the_gallery_has_no_more():
    answers = top(
        np.ones((1, 3)), np.array([1]), np.array([1, 1, 2]), np.array([1]), np.array([1, 2, 1]), chosen=np.array([0])
    )
    assert answers[0].items.tolist() == [1, 2]
    with pytest.raises(EvaluationError, match="query 5 was chosen, expected 0 to 0"):
        top(np.ones((1, 1)), np.array([1]), np.array([1]), np.array([1]), np.array([2]), chosen=np.array([5]))


def test_not_a_number_is_refused():
    similarity, *labels = _case(0, 5, 6, 2, 2, None)
    similarity[3, 4] = np.nan
    with pytest.raises(
        EvaluationError, match="1 of 30 similarities are not a number, the first is query 3 with gallery item 4"
    ):
        rank(similarity, *labels)


def test_shapes_that_do_not_fit_are_refused():
    similarity, *labels = _case(0, 5, 6, 2, 2, None)
    with pytest.raises(EvaluationError, match=r"query_identities has shape \(6,\), expected \(5,\)"):
        rank(similarity, labels[1], labels[0], labels[2], labels[3])
    with pytest.raises(EvaluationError, match="at least one query"):
        rank(similarity[:0], labels[0][:0], labels[1], labels[2][:0], labels[3])
