"""The brute-force twin of star/evaluation/ranking.py: one stable argsort a query, everything else spelled out."""

from typing import NamedTuple

import numpy as np


class PlainScores(NamedTuple):
    cmc: np.ndarray
    mean_average_precision: float
    mean_inverse_negative_penalty: float
    average_precision: np.ndarray
    first_hit: np.ndarray


def plain_ranking(
    similarity, query_identities, gallery_identities, query_cameras, gallery_cameras, *, same_camera_filter=True
) -> PlainScores:
    """The usual evaluation loop; NaN and 0 for queries without a match."""
    average_precision = np.full(len(similarity), np.nan)
    penalty = np.full(len(similarity), np.nan)
    first_hit = np.zeros(len(similarity), dtype=int)
    curves = []
    for query, row in enumerate(similarity):
        order = np.argsort(-row, kind="stable")
        same_identity = gallery_identities[order] == query_identities[query]
        same_camera = gallery_cameras[order] == query_cameras[query]
        right = same_identity[~(same_identity & same_camera)] if same_camera_filter else same_identity
        if not right.any():
            continue
        hits = right.cumsum()
        precisions = [count / (place + 1) for place, count in enumerate(hits)]
        average_precision[query] = (np.asarray(precisions) * right).sum() / right.sum()
        places = np.flatnonzero(right)
        penalty[query] = right.sum() / (places[-1] + 1)
        first_hit[query] = places[0] + 1
        curve = np.ones(20)
        curve[: len(hits)] = np.minimum(hits, 1)[:20]
        curves.append(curve)
    return PlainScores(
        np.mean(curves, axis=0),
        float(np.nanmean(average_precision)),
        float(np.nanmean(penalty)),
        average_precision,
        first_hit,
    )
