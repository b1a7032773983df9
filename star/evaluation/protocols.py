"""Evaluation protocols: facts that make results comparable, and the scores of a random ranking."""

from __future__ import annotations

import numpy as np

from star.errors import EvaluationError


def clip_text(frames: int, height: int, width: int) -> str:
    """The clip as results state it: `clip_text(12, 288, 144)` is `T=12 288x144`."""
    return f"T={frames} {height}x{width}"


def chance_level(
    query_identities: np.ndarray,
    gallery_identities: np.ndarray,
    query_cameras: np.ndarray,
    gallery_cameras: np.ndarray,
    *,
    same_camera_filter: bool = True,
) -> dict[str, float]:
    """Expected scores, in percent, of galleries in random order: exact, nothing is drawn.

    A query has m matches among the n items the filter leaves. In a random order the expected average precision is
    (1/n) sum_{i=1..n} (1 + (i-1) (m-1) / (n-1)) / i = (H_n + (n - H_n) (m-1) / (n-1)) / n with the harmonic number H_n,
    and the first r answers are all wrong with probability C(n-m, r) / C(n, r).

    Args:
        query_identities: [q] int.
        gallery_identities: [g] int.
        query_cameras: [q] int.
        gallery_cameras: [g] int.
        same_camera_filter: as in `star.evaluation.ranking.rank`.

    Returns:
        R1, R5, R10, R20 and mAP, means over the queries that have a match.

    Raises:
        EvaluationError: no query has a match.
    """
    query_identities, query_cameras = np.asarray(query_identities), np.asarray(query_cameras)
    gallery_identities, gallery_cameras = np.asarray(gallery_identities), np.asarray(gallery_cameras)
    cases: dict[tuple[int, int], int] = {}
    for identity, camera in zip(query_identities.tolist(), query_cameras.tolist(), strict=True):
        same_identity = gallery_identities == identity
        removed = int(np.count_nonzero(same_identity & (gallery_cameras == camera))) if same_camera_filter else 0
        case = (int(np.count_nonzero(same_identity)) - removed, len(gallery_identities) - removed)
        cases[case] = cases.get(case, 0) + 1
    valid = {case: count for case, count in cases.items() if case[0] > 0}
    if not valid:
        raise EvaluationError(
            f"none of the {len(query_identities)} queries has a match in the gallery: nothing to expect"
        )
    expected: dict[str, float] = {}
    for (matches, items), count in valid.items():
        share = 100.0 * count / sum(valid.values())
        for depth in (1, 5, 10, 20):
            expected[f"R{depth}"] = expected.get(f"R{depth}", 0.0) + share * (1.0 - _all_wrong(matches, items, depth))
        expected["mAP"] = expected.get("mAP", 0.0) + share * _average_precision(matches, items)
    return expected


def _all_wrong(matches: int, items: int, depth: int) -> float:
    draws = np.arange(min(depth, items))
    return float(np.prod(np.maximum(items - matches - draws, 0) / (items - draws)))


def _average_precision(matches: int, items: int) -> float:
    if items == 1:
        return 1.0
    harmonic = float(np.sum(1.0 / np.arange(1, items + 1)))
    return (harmonic + (items - harmonic) * (matches - 1) / (items - 1)) / items
