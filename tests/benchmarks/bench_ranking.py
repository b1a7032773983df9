"""Ranking at the size of HITSZ-VCM against the usual evaluation loop: `pytest -s tests/benchmarks/bench_ranking.py`."""

import time

import numpy as np
from support.plain_ranking import plain_ranking

from star.evaluation.ranking import rank_both

QUERIES, GALLERY, IDENTITIES, CAMERAS, WIDTH = 4584, 5099, 427, 12, 64
LEAST_RATIO = 50


def _features(random: np.random.Generator, centres: np.ndarray, identities: np.ndarray) -> np.ndarray:
    features = centres[identities] + 1.5 * random.standard_normal((len(identities), WIDTH))
    return (features / np.linalg.norm(features, axis=1, keepdims=True)).astype(np.float32)


def test_both_directions_fifty_times_faster_than_the_plain_loop():
    random = np.random.default_rng(0)
    query_identities, gallery_identities = (
        random.integers(0, IDENTITIES, QUERIES),
        random.integers(0, IDENTITIES, GALLERY),
    )
    query_cameras, gallery_cameras = random.integers(0, CAMERAS, QUERIES), random.integers(0, CAMERAS, GALLERY)
    centres = random.standard_normal((IDENTITIES, WIDTH))
    similarity = _features(random, centres, query_identities) @ _features(random, centres, gallery_identities).T

    fast = []
    for _ in range(5):
        start = time.perf_counter()
        scores = rank_both(similarity, query_identities, gallery_identities, query_cameras, gallery_cameras)
        fast.append(time.perf_counter() - start)

    transposed = np.ascontiguousarray(similarity.T)
    start = time.perf_counter()
    plain = {
        "i2v": plain_ranking(similarity, query_identities, gallery_identities, query_cameras, gallery_cameras),
        "v2i": plain_ranking(transposed, gallery_identities, query_identities, gallery_cameras, query_cameras),
    }
    slow = time.perf_counter() - start

    for direction, expected in plain.items():
        np.testing.assert_array_equal(scores[direction].cmc, expected.cmc)
        assert np.isclose(scores[direction].mean_average_precision, expected.mean_average_precision, rtol=1e-12)
        assert np.isclose(
            scores[direction].mean_inverse_negative_penalty, expected.mean_inverse_negative_penalty, rtol=1e-12
        )
    ratio = slow / min(fast)
    size = f"{QUERIES} x {GALLERY}, both directions"
    print(f"\nranking {size}: {min(fast):.2f} s, plain loop {slow:.1f} s, ratio {ratio:.0f}")
    assert ratio >= LEAST_RATIO
