"""Temporal k-reciprocal re-ranking of BUPTCampus' AuxNet, in NumPy only.

*Video-based visible-infrared person re-identification with auxiliary samples* (Du, Lei, Zhao, Dong, Su, TIFS 2024; code
`dyhBUPT/BUPTCampus`, re_ranking.py). Beside its whole each tracklet has a feature of its first and one of its second
half; neighbourhoods of the whole tracklets, and those of the first halves of one side with the second halves of the
other, correct the Euclidean distances.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from star.errors import EvaluationError
from star.evaluation.k_reciprocal import neighbourhoods, squared_distances


class Halves(NamedTuple):
    """Features of tracklets, L2-normalised.

    Attributes:
        whole: [n d] of their clips.
        first, second: [n d] of clips from the first and the second half of their frames.
    """

    whole: np.ndarray
    first: np.ndarray
    second: np.ndarray


def temporal_k_reciprocal(
    query: Halves, gallery: Halves, *, k1: int = 5, k2: int = 3, weight: float = 0.8, halves: float = 0.1
) -> np.ndarray:
    """Similarities after re-ranking, for `star.evaluation.ranking.rank`.

    With E the Euclidean and J the Jaccard distance of neighbourhoods:
    weight E(whole, whole) + (1 - weight) J(whole, whole) + halves (J(first, second) + J(second, first)).

    Args:
        query: of the queries.
        gallery: of the gallery.
        k1, k2: as in `star.evaluation.k_reciprocal`.
        weight: of the Euclidean distance.
        halves: of each of the two distances between halves.

    Returns:
        [q g] float32, 1 - that distance: larger is more alike.

    Raises:
        EvaluationError: shapes that do not fit, features that are not finite, or numbers out of range.
    """
    if not (0 <= weight <= 1 and halves >= 0):
        raise EvaluationError(
            f"weight {weight} and halves {halves} in temporal re-ranking, expected 0 to 1 and a number from 0"
        )

    def jaccard(one: np.ndarray, other: np.ndarray) -> np.ndarray:
        return neighbourhoods(one, other, k1=k1, k2=k2, squared=False).jaccard

    distance = (1 - weight) * jaccard(query.whole, gallery.whole)
    distance += weight * np.sqrt(squared_distances(query.whole, gallery.whole))
    distance += halves * jaccard(query.first, gallery.second)
    distance += halves * jaccard(query.second, gallery.first)
    return (1 - distance).astype(np.float32, copy=False)
