"""`star.rank`: the gallery ranked for queries by features from anywhere, in NumPy only."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from star.errors import EvaluationError
from star.evaluation.k_reciprocal import k_reciprocal
from star.evaluation.ranking import rank as scores_of
from star.evaluation.ranking import top
from star.types import Scores

_LABELS = ("query_identities", "gallery_identities", "query_cameras", "gallery_cameras")


class Ranking(NamedTuple):
    """The first answers to each query, best first.

    Attributes:
        items: [q n] int64, positions in the gallery; -1 where the same-camera filter leaves fewer than n.
        similarities: [q n] float32, cosines, or what re-ranking has made of them; NaN there.
        right: [q n] bool, whether an answer has the query's identity; None without identities.
        scores: CMC, mAP and mINP; None without identities.
    """

    items: np.ndarray
    similarities: np.ndarray
    right: np.ndarray | None
    scores: Scores | None


def rank(
    query_features: np.ndarray,
    gallery_features: np.ndarray,
    *,
    query_identities: Any = None,
    gallery_identities: Any = None,
    query_cameras: Any = None,
    gallery_cameras: Any = None,
    count: int = 10,
    reranked: bool = False,
) -> Ranking:
    """Rank a gallery for each query by cosine similarity, or by what re-ranking makes of it.

    With identities there are scores; with cameras as well, gallery items of the query's identity and camera do not
    count, as in the protocol of HITSZ-VCM.

    Args:
        query_features: [q d]; rows need not be normalised.
        gallery_features: [g d].
        query_identities: [q] int.
        gallery_identities: [g] int.
        query_cameras: [q] int; only with identities.
        gallery_cameras: [g] int.
        count: n, answers to each query.
        reranked: by k-reciprocal encoding, with all queries and gallery items as neighbours of one another; its numbers
            are those of `star.evaluation.k_reciprocal.k_reciprocal`.

    Raises:
        EvaluationError: shapes that do not fit, features that are zero or no number, or no query with a match.
    """
    query, gallery = _normalised(query_features, "query_features"), _normalised(gallery_features, "gallery_features")
    if query.shape[1] != gallery.shape[1]:
        raise EvaluationError(
            f"gallery_features: given rows of {gallery.shape[1]} numbers, expected {query.shape[1]} as in "
            "query_features: both must come from the same model"
        )
    labelled = _both(query_identities, gallery_identities, "identities")
    filtered = _both(query_cameras, gallery_cameras, "cameras")
    if filtered and not labelled:
        raise EvaluationError("cameras: given without identities, expected both: the filter needs them together")
    if count < 1:
        raise EvaluationError(f"count: given {count}, expected at least 1")
    identities = (query_identities, gallery_identities) if labelled else (np.zeros(len(query)), np.ones(len(gallery)))
    cameras = (query_cameras, gallery_cameras) if filtered else (np.zeros(len(query)), np.ones(len(gallery)))
    labels = [_whole(given, name) for given, name in zip((*identities, *cameras), _LABELS, strict=True)]
    similarity = k_reciprocal(query, gallery) if reranked else query @ gallery.T
    answers = top(similarity, *labels, chosen=np.arange(len(query)), count=count, same_camera_filter=filtered)
    shape = len(query), min(count, len(gallery))
    items, similarities, right = np.full(shape, -1), np.full(shape, np.nan, np.float32), np.zeros(shape, bool)
    for answer in answers:
        found = answer.query, slice(len(answer.items))
        items[found], similarities[found], right[found] = answer.items, answer.similarities, answer.right
    if not labelled:
        return Ranking(items, similarities, None, None)
    return Ranking(items, similarities, right, scores_of(similarity, *labels, same_camera_filter=filtered))


def _both(query: Any, gallery: Any, name: str) -> bool:
    if (query is None) != (gallery is None):
        raise EvaluationError(f"{name}: given for one side only, expected query_{name} and gallery_{name}, or neither")
    return query is not None


def _whole(given: Any, name: str) -> np.ndarray:
    numbers = np.asarray(given)
    if numbers.dtype.kind not in "fiu" or (numbers != np.floor(numbers)).any():
        raise EvaluationError(
            f"{name}: given {numbers.dtype} {np.array2string(numbers, threshold=4)}, expected integers"
        )
    return numbers.astype(np.int64)


def _normalised(given: np.ndarray, name: str) -> np.ndarray:
    features = np.asarray(given)
    if features.ndim != 2 or 0 in features.shape or features.dtype.kind not in "fiu":
        raise EvaluationError(f"{name}: given {features.dtype} {list(features.shape)}, expected numbers [rows d]")
    features = features.astype(np.float32)
    length = np.linalg.norm(features, axis=1, keepdims=True)
    wrong = np.flatnonzero(~np.isfinite(length[:, 0]) | (length[:, 0] == 0))
    if len(wrong):
        raise EvaluationError(f"{name}: row {wrong[0]} is zero or has a number that is not finite")
    return features / length
