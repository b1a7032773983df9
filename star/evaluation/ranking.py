"""Ranking of a gallery for each query, in NumPy only: CMC, mAP and mINP.

Where the paper is silent the protocol is that of its data set (HITSZ-VCM): gallery items of the query's identity AND
the query's camera do not count, queries left without a match are skipped, the average precision is not interpolated.
Protocols without that filter rank all gallery items (`same_camera_filter=False`).

A position in a ranking is a number of items: those more similar, plus those as similar that come earlier in the
gallery. Hence the items themselves are never put in order: the similarities of a row are sorted by value, and the few
that matter, those of the query's identity, are looked up in them.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np

from star.errors import EvaluationError
from star.types import Scores

RANKS = 20
ROWS_PER_BLOCK = 64
COLUMNS_PER_TILE = 1024
MOST_THREADS = 8


class QueryRanks(NamedTuple):
    """What each query contributes to the scores; NaN or 0 for queries without a match.

    Attributes:
        average_precision: [q] float64, NaN without a match.
        inverse_negative_penalty: [q] float64, matches divided by the rank of the last one; NaN without a match.
        first_hit: [q] int64, rank of the first match, 1 is best; 0 without a match.
        matches: [q] int64, gallery items that are right answers.
        gallery: number of gallery items before any filter.
    """

    average_precision: np.ndarray
    inverse_negative_penalty: np.ndarray
    first_hit: np.ndarray
    matches: np.ndarray
    gallery: int


class Answers(NamedTuple):
    """The first answers to one query, best first, after the camera filter.

    Attributes:
        query: position of the query.
        items: [n] int64, positions in the gallery; fewer than asked for if the filter leaves fewer.
        right: [n] bool.
        similarities: [n], as given; NaN where they were not kept.
    """

    query: int
    items: np.ndarray
    right: np.ndarray
    similarities: np.ndarray


class _Pairs(NamedTuple):
    """Query and gallery item of the same identity, ordered by query, then by gallery position."""

    query: np.ndarray
    item: np.ndarray
    starts: np.ndarray


def rank(
    similarity: np.ndarray,
    query_identities: np.ndarray,
    gallery_identities: np.ndarray,
    query_cameras: np.ndarray,
    gallery_cameras: np.ndarray,
    *,
    same_camera_filter: bool = True,
) -> Scores:
    """Scores of one direction.

    Args:
        similarity: [q g] float32, larger is more alike; ties keep the gallery's order.
        query_identities: [q] int.
        gallery_identities: [g] int.
        query_cameras: [q] int.
        gallery_cameras: [g] int.
        same_camera_filter: leave out gallery items of the query's identity and camera.

    Raises:
        EvaluationError: shapes that do not fit, similarities that are not a number, no query with a match.
    """
    labels = (query_identities, gallery_identities, query_cameras, gallery_cameras)
    return summarise(rank_queries(similarity, *labels, same_camera_filter=same_camera_filter))


def rank_queries(
    similarity: np.ndarray,
    query_identities: np.ndarray,
    gallery_identities: np.ndarray,
    query_cameras: np.ndarray,
    gallery_cameras: np.ndarray,
    *,
    same_camera_filter: bool = True,
) -> QueryRanks:
    """The numbers of each query; arguments and errors of `rank`."""
    similarity, query_identities, gallery_identities, query_cameras, gallery_cameras = _checked(
        similarity, query_identities, gallery_identities, query_cameras, gallery_cameras
    )
    queries, gallery = similarity.shape
    pairs = _pairs(query_identities, gallery_identities)
    position = _positions(similarity, pairs)

    order = np.lexsort((position, pairs.query))
    query, item, position = pairs.query[order], pairs.item[order], position[order]
    if same_camera_filter:
        removed = query_cameras[query] == gallery_cameras[item]
        position = position - _running_count(removed, query, queries)
        query, position = query[~removed], position[~removed]

    matches = np.bincount(query, minlength=queries)
    hit = _running_count(np.ones_like(query, dtype=bool), query, queries)
    valid = matches > 0
    ends = np.cumsum(matches)[valid] - 1
    first_hit = np.zeros(queries, dtype=np.int64)
    first_hit[valid] = position[ends - matches[valid] + 1] + 1
    average_precision = np.full(queries, np.nan)
    precisions = np.bincount(query, weights=hit / (position + 1), minlength=queries)
    average_precision[valid] = precisions[valid] / matches[valid]
    inverse_negative_penalty = np.full(queries, np.nan)
    inverse_negative_penalty[valid] = matches[valid] / (position[ends] + 1)
    return QueryRanks(average_precision, inverse_negative_penalty, first_hit, matches, gallery)


def summarise(ranks: QueryRanks) -> Scores:
    """Means over the queries that have a match.

    Raises:
        EvaluationError: no query has one.
    """
    valid = ranks.matches > 0
    if not valid.any():
        raise EvaluationError(
            f"none of the {len(valid)} queries has a match among the {ranks.gallery} gallery items: expected gallery "
            "items of the same identity, with the same-camera filter seen by another camera; look at the query and "
            "gallery lists of the data set"
        )
    first_hit = ranks.first_hit[valid]
    return Scores(
        cmc=np.array([np.mean(first_hit <= depth) for depth in range(1, RANKS + 1)]),
        mean_average_precision=float(np.mean(ranks.average_precision[valid])),
        mean_inverse_negative_penalty=float(np.mean(ranks.inverse_negative_penalty[valid])),
        valid_queries=int(valid.sum()),
        queries=len(valid),
        gallery=ranks.gallery,
    )


def top(
    similarity: np.ndarray,
    query_identities: np.ndarray,
    gallery_identities: np.ndarray,
    query_cameras: np.ndarray,
    gallery_cameras: np.ndarray,
    *,
    chosen: np.ndarray,
    count: int = 10,
    same_camera_filter: bool = True,
) -> list[Answers]:
    """The first answers to some queries, as a person would see them.

    Args:
        similarity: [q g], as in `rank`.
        query_identities: [q] int.
        gallery_identities: [g] int.
        query_cameras: [q] int.
        gallery_cameras: [g] int.
        chosen: [n] int, positions of the queries to answer.
        count: answers to give.
        same_camera_filter: as in `rank`.

    Raises:
        EvaluationError: as `rank`, or a chosen query that does not exist.
    """
    similarity, query_identities, gallery_identities, query_cameras, gallery_cameras = _checked(
        similarity, query_identities, gallery_identities, query_cameras, gallery_cameras
    )
    answers = []
    for query in np.asarray(chosen, dtype=np.int64).tolist():
        if not 0 <= query < len(query_identities):
            raise EvaluationError(f"query {query} was chosen, expected 0 to {len(query_identities) - 1}")
        same_identity = gallery_identities == query_identities[query]
        removed = same_identity & (gallery_cameras == query_cameras[query]) & same_camera_filter
        kept = np.flatnonzero(~removed)
        items = kept[np.argsort(-similarity[query, kept], kind="stable")[:count]]
        answers.append(Answers(query, items, same_identity[items], similarity[query, items]))
    return answers


def _pairs(query_identities: np.ndarray, gallery_identities: np.ndarray) -> _Pairs:
    # The gallery items of an identity lie side by side in `by_identity`, so a query's matches are a slice of it.
    by_identity = np.argsort(gallery_identities, kind="stable")
    grouped = gallery_identities[by_identity]
    first = np.searchsorted(grouped, query_identities, side="left")
    counts = np.searchsorted(grouped, query_identities, side="right") - first
    starts = np.concatenate([[0], np.cumsum(counts)])
    query = np.repeat(np.arange(len(query_identities)), counts)
    item = by_identity[np.arange(starts[-1]) - starts[query] + first[query]]
    return _Pairs(query, item, starts)


def _positions(similarity: np.ndarray, pairs: _Pairs) -> np.ndarray:
    """[pairs] int64, position of each pair's item in the full ranking of its query, from 0."""
    queries, gallery = similarity.shape
    wanted = similarity[pairs.query, pairs.item]
    position = np.empty(len(pairs.item), dtype=np.int64)

    def fill(first: int) -> None:
        last = min(first + ROWS_PER_BLOCK, queries)
        rows = _contiguous(similarity[first:last])
        ordered = np.sort(rows, axis=1)
        bounds = pairs.starts[first : last + 1].tolist()
        block = slice(bounds[0], bounds[-1])
        not_above = np.empty(bounds[-1] - bounds[0], dtype=np.int64)
        # Only the positions of the matches are needed: searching them in sorted values is cheaper than an argsort.
        for row, start, end in zip(ordered, bounds, bounds[1:], strict=False):
            not_above[start - bounds[0] : end - bounds[0]] = row.searchsorted(wanted[start:end], "right")
        position[block] = gallery - not_above
        # The last item not above a pair is the pair's own; is the one before it as similar, gallery order decides.
        local, value, item = pairs.query[block] - first, wanted[block], pairs.item[block]
        tied = (not_above > 1) & (ordered[local, np.maximum(not_above - 2, 0)] == value)
        for pair in np.flatnonzero(tied).tolist():
            position[bounds[0] + pair] += np.count_nonzero(rows[local[pair], : item[pair]] == value[pair])

    with ThreadPoolExecutor(min(MOST_THREADS, os.cpu_count() or 1)) as pool:
        for _ in pool.map(fill, range(0, queries, ROWS_PER_BLOCK)):
            pass
    return position


def _contiguous(rows: np.ndarray) -> np.ndarray:
    """The rows one after the other in memory; rows of a transposed matrix are collected in tiles that fit the cache."""
    if rows.flags.c_contiguous:
        return rows
    copy = np.empty(rows.shape, rows.dtype)
    for first in range(0, rows.shape[1], COLUMNS_PER_TILE):
        copy[:, first : first + COLUMNS_PER_TILE] = rows[:, first : first + COLUMNS_PER_TILE].copy(order="K")
    return copy


def _running_count(marked: np.ndarray, query: np.ndarray, queries: int) -> np.ndarray:
    """[pairs] int64, marked pairs of the same query up to and including each one; pairs are ordered by query."""
    total = np.cumsum(marked)
    sizes = np.bincount(query, minlength=queries)
    before = np.concatenate([[0], total])[np.cumsum(sizes) - sizes]
    return total - before[query]


def _checked(
    similarity: np.ndarray,
    query_identities: np.ndarray,
    gallery_identities: np.ndarray,
    query_cameras: np.ndarray,
    gallery_cameras: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    similarity = np.asarray(similarity)
    if similarity.ndim != 2 or 0 in similarity.shape or not np.issubdtype(similarity.dtype, np.floating):
        raise EvaluationError(
            f"the similarities have shape {similarity.shape} and type {similarity.dtype}, expected [q g] floating-"
            "point numbers with at least one query and one gallery item"
        )
    names = ("query_identities", "gallery_identities", "query_cameras", "gallery_cameras")
    labels = [np.asarray(v) for v in (query_identities, gallery_identities, query_cameras, gallery_cameras)]
    for name, values, length in zip(names, labels, similarity.shape * 2, strict=True):
        if values.shape != (length,):
            raise EvaluationError(
                f"{name} has shape {values.shape}, expected ({length},) for similarities of shape {similarity.shape}"
            )
    if np.isnan(similarity.min()):
        query, item = np.argwhere(np.isnan(similarity))[0].tolist()
        raise EvaluationError(
            f"{int(np.isnan(similarity).sum())} of {similarity.size} similarities are not a number, the first is query "
            f"{query} with gallery item {item}: the features are broken, look at the losses of the run"
        )
    return similarity, labels[0], labels[1], labels[2], labels[3]
