"""k-reciprocal re-ranking of features from anywhere, in NumPy only.

*Re-ranking person re-identification with k-reciprocal encoding* (Zhong, Zheng, Cao, Li, CVPR 2017). Queries and gallery
items are compared by whom they have for neighbours: all of them together are ranked for each of them, labels are not
used. Where the paper leaves a choice the authors' code is followed: an item is its own first neighbour, a neighbourhood
grows by another's if MORE than two thirds of that are in it, k1 / 2 is rounded to the even number, distances are
divided by the largest one of their row, and the weights of a neighbourhood sum to 1.

Nothing of the size of all pairs of items is kept: neighbourhoods are a few dozen items each, and rows are worked on in
blocks.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from star.errors import EvaluationError

BLOCK = 256
PAIR_NUMBERS = 1 << 23
"""Numbers gathered at a time for the distances of single pairs."""
SMALLEST = 1e-5
"""Under the root of a distance, as in BUPTCampus' code."""


class Weights(NamedTuple):
    """Sparse rows that sum to 1: of each item, the weights of its neighbours.

    Attributes:
        starts: [n + 1] int64, where each row begins.
        columns: [e] int64.
        values: [e] float64.
    """

    starts: np.ndarray
    columns: np.ndarray
    values: np.ndarray

    def take(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The entries of some rows one after the other: place in `rows`, column and value of each."""
        counts = self.starts[rows + 1] - self.starts[rows]
        ends = np.cumsum(counts)
        place = np.repeat(np.arange(len(rows)), counts)
        entry = np.arange(ends[-1] if len(ends) else 0) - (ends - counts)[place] + self.starts[rows][place]
        return place, self.columns[entry], self.values[entry]


class Neighbourhoods(NamedTuple):
    """What the neighbours of queries and gallery items say.

    Attributes:
        jaccard: [q g] float32 in 0..1, Jaccard distance of the neighbourhoods.
        farthest: [q] float64, largest squared distance of each query to any query or gallery item.
    """

    jaccard: np.ndarray
    farthest: np.ndarray


def k_reciprocal(
    query: np.ndarray, gallery: np.ndarray, *, k1: int = 20, k2: int = 6, weight: float = 0.3
) -> np.ndarray:
    """Similarities after re-ranking, for `star.evaluation.ranking.rank`.

    Args:
        query: [q d] features, compared by Euclidean distance; L2-normalised ones are then ranked as by their cosine.
        gallery: [g d] features.
        k1: neighbours of which reciprocal ones are looked for; where there are fewer items, all.
        k2: neighbours whose weights are averaged; 1: none but its own.
        weight: lambda, share of the squared distance over its row's largest; 1 is the plain ranking.

    Returns:
        [q g] float32, 1 - ((1 - weight) Jaccard distance + weight distance): at most 1, larger is more alike.

    Raises:
        EvaluationError: shapes that do not fit, features that are not finite, or numbers out of range.
    """
    if not 0 <= weight <= 1:
        raise EvaluationError(f"weight {weight} of the distance in re-ranking, expected 0 to 1")
    query, gallery = _checked(query, gallery)
    found = neighbourhoods(query, gallery, k1=k1, k2=k2)
    distance = squared_distances(query, gallery) / np.maximum(found.farthest, np.finfo(np.float32).tiny)[:, None]
    return (1 - (1 - weight) * found.jaccard - weight * distance).astype(np.float32)


def neighbourhoods(query: np.ndarray, gallery: np.ndarray, *, k1: int, k2: int, squared: bool = True) -> Neighbourhoods:
    """Jaccard distances between the neighbourhoods of queries and gallery items.

    Args:
        query: [q d] features.
        gallery: [g d] features.
        k1, k2: as in `k_reciprocal`.
        squared: whether the weights of neighbours fall with squared distances, as in the paper; BUPTCampus' code takes
            the distances themselves.

    Raises:
        EvaluationError: as `k_reciprocal`.
    """
    query, gallery = _checked(query, gallery)
    if not 1 <= k2 <= k1 + 1:
        raise EvaluationError(f"re-ranking with k1={k1} and k2={k2}, expected k1 from 1 and k2 from 1 to k1 + 1")
    items = np.concatenate([query, gallery])
    nearest, farthest = _nearest(items, min(k1 + 1, len(items)))
    weights = _weights(items, nearest, farthest, round(k1 / 2), squared)
    if k2 > 1:
        weights = _averaged(weights, nearest[:, :k2])
    return Neighbourhoods(_jaccard(weights, len(query)), farthest[: len(query)])


def _checked(query: np.ndarray, gallery: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    query, gallery = np.asarray(query), np.asarray(gallery)
    shapes = f"{query.shape} and {gallery.shape}"
    if query.ndim != 2 or gallery.ndim != 2 or query.shape[1] != gallery.shape[1] or 0 in query.shape + gallery.shape:
        raise EvaluationError(f"the features have the shapes {shapes}, expected [q d] and [g d] with the same d")
    for name, features in (("query", query), ("gallery", gallery)):
        if not np.isfinite(features).all():
            raise EvaluationError(f"the {name} features have numbers that are not finite: re-ranking needs distances")
    return query.astype(np.float32, copy=False), gallery.astype(np.float32, copy=False)


def _blocks(count: int, size: int = BLOCK) -> Iterator[np.ndarray]:
    for first in range(0, count, size):
        yield np.arange(first, min(first + size, count))


def squared_distances(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """[l r] float32, squared Euclidean distances of features [l d] and [r d], never below zero."""
    squares = np.einsum("ld,ld->l", left, left)[:, None] + np.einsum("rd,rd->r", right, right)
    return np.maximum(squares - 2 * (left @ right.T), 0)


def _nearest(items: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """[n count] int64, each item first and then its nearest ones; [n] float64, its largest squared distance."""
    nearest, farthest = np.empty((len(items), count), np.int64), np.empty(len(items))
    for rows in _blocks(len(items)):
        distances = squared_distances(items[rows], items)
        farthest[rows] = distances.max(axis=1)
        distances[np.arange(len(rows)), rows] = -1
        some = np.sort(np.argpartition(distances, count - 1, axis=1)[:, :count], axis=1)
        order = np.argsort(np.take_along_axis(distances, some, axis=1), axis=1, kind="stable")
        nearest[rows] = np.take_along_axis(some, order, axis=1)
    return nearest, farthest


def _are_reciprocal(nearest: np.ndarray) -> np.ndarray:
    """[n k] bool, whether each item is among the nearest of its nearest."""
    found = np.empty(nearest.shape, bool)
    for rows in _blocks(len(nearest)):
        found[rows] = (nearest[nearest[rows]] == rows[:, None, None]).any(axis=2)
    return found


def _weights(items: np.ndarray, nearest: np.ndarray, farthest: np.ndarray, half: int, squared: bool) -> Weights:
    """The reciprocal neighbours of each item, with those of neighbours that share most of theirs with it."""
    reciprocal = _are_reciprocal(nearest)
    near_half = nearest[:, : half + 1]
    half_reciprocal = _are_reciprocal(near_half)
    counts, columns, values = [], [], []
    for rows in _blocks(len(items)):
        place = np.arange(len(rows))[:, None]
        near, own = nearest[rows], reciprocal[rows]
        member = np.zeros((len(rows), len(items)), bool)
        member[place, near] = own
        others, valid = near_half[near], half_reciprocal[near]
        shared = (member[place[:, :, None], others] & valid).sum(axis=2)
        joins = own & (3 * shared > 2 * valid.sum(axis=2))
        row, neighbour, other = np.nonzero(joins[:, :, None] & valid)
        member[row, others[row, neighbour, other]] = True
        row, column = np.nonzero(member)
        distance, largest = _pair_distances(items, rows[row], column), farthest[rows]
        if not squared:
            distance, largest = np.sqrt(distance + SMALLEST), np.sqrt(largest + SMALLEST)
        value = np.exp(-distance / np.maximum(largest, np.finfo(np.float32).tiny)[row])
        counts.append(np.bincount(row, minlength=len(rows)))
        columns.append(column)
        values.append(value / np.bincount(row, value, minlength=len(rows))[row])
    return _rows(counts, columns, values)


def _pair_distances(items: np.ndarray, left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """[p] float64, squared distances of single pairs."""
    found = np.empty(len(left))
    for pairs in _blocks(len(left), max(1, PAIR_NUMBERS // items.shape[1])):
        difference = items[left[pairs]] - items[right[pairs]]
        found[pairs] = np.einsum("pd,pd->p", difference, difference)
    return found


def _averaged(weights: Weights, nearest: np.ndarray) -> Weights:
    """Of each item, the mean weights of its nearest items."""
    items, count = nearest.shape
    counts, columns, values = [], [], []
    for rows in _blocks(items):
        place, column, value = weights.take(nearest[rows].ravel())
        dense = np.bincount(place // count * items + column, value / count, minlength=len(rows) * items)
        filled = np.flatnonzero(dense)
        counts.append(np.bincount(filled // items, minlength=len(rows)))
        columns.append(filled % items)
        values.append(dense[filled])
    return _rows(counts, columns, values)


def _rows(counts: list[np.ndarray], columns: list[np.ndarray], values: list[np.ndarray]) -> Weights:
    starts = np.concatenate([[0], np.cumsum(np.concatenate(counts))])
    return Weights(starts, np.concatenate(columns), np.concatenate(values))


def _jaccard(weights: Weights, queries: int) -> np.ndarray:
    """[q g] float32: rows that sum to 1 have 2 minus the sum of their minima for the sum of their maxima."""
    items = len(weights.starts) - 1
    gallery = items - queries
    item, column, value = weights.take(np.arange(queries, items))
    order = np.argsort(column, kind="stable")
    starts = np.concatenate([[0], np.cumsum(np.bincount(column, minlength=items))])
    by_column = Weights(starts, item[order], value[order])
    distance = np.empty((queries, gallery), np.float32)
    for rows in _blocks(queries):
        place, column, value = weights.take(rows)
        entry, item, other = by_column.take(column)
        smaller = np.minimum(value[entry], other)
        shared = np.bincount(place[entry] * gallery + item, smaller, minlength=len(rows) * gallery)
        distance[rows] = (1 - shared / (2 - shared)).reshape(len(rows), gallery)
    return distance
