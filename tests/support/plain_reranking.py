"""k-reciprocal re-ranking written down as the paper has it: sets, dense matrices and one pair at a time."""

from __future__ import annotations

import numpy as np


def plain_k_reciprocal(query: np.ndarray, gallery: np.ndarray, k1: int, k2: int, weight: float) -> np.ndarray:
    """[q g] float64, the final distance of the paper: (1 - weight) Jaccard + weight distance."""
    items = np.concatenate([query, gallery]).astype(np.float64)
    distance = np.array([[np.sum((a - b) ** 2) for b in items] for a in items])
    distance /= distance.max(axis=1, keepdims=True)
    jaccard = plain_jaccard(distance, k1, k2)
    queries = len(query)
    return ((1 - weight) * jaccard + weight * distance)[:queries, queries:]


def plain_jaccard(distance: np.ndarray, k1: int, k2: int) -> np.ndarray:
    """[n n] float64, Jaccard distances of the neighbourhoods of n items, whose distances [n n] are given."""
    items = range(len(distance))

    def nearest(item: int, k: int) -> list[int]:
        others = sorted((other for other in items if other != item), key=lambda other: distance[item, other])
        return [item, *others[:k]]

    def reciprocal(item: int, k: int) -> set[int]:
        return {other for other in nearest(item, k) if item in nearest(other, k)}

    weights = np.zeros_like(distance)
    for item in items:
        own = reciprocal(item, k1)
        grown = set(own)
        for other in own:
            theirs = reciprocal(other, round(k1 / 2))
            if len(own & theirs) > 2 / 3 * len(theirs):
                grown |= theirs
        for other in grown:
            weights[item, other] = np.exp(-distance[item, other])
    weights /= weights.sum(axis=1, keepdims=True)
    expanded = np.array([np.mean([weights[other] for other in nearest(item, k2 - 1)], axis=0) for item in items])
    return np.array([[1 - np.minimum(a, b).sum() / np.maximum(a, b).sum() for b in expanded] for a in expanded])
