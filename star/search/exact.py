"""Exact search in NumPy, block by block: every query is compared with every item that may answer it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

NONE = -1
_QUERIES, _ITEMS = 256, 16384


class Nearest(NamedTuple):
    """The most similar items, best first; of items that are as similar the earlier one stands first.

    Attributes:
        items: [q k] int64, positions in the gallery; -1 behind the last one where there are fewer than k.
        similarities: [q k] float32, cosine; -inf where there is no item.
    """

    items: np.ndarray
    similarities: np.ndarray


class ExactIndex:
    """A gallery as it is.

    Args:
        values: [g d] float32 or float16, L2-normalised.
    """

    kind = "exact"

    def __init__(self, values: np.ndarray):
        self._values = values

    def __len__(self) -> int:
        return len(self._values)

    def search(self, queries: np.ndarray, count: int, allowed: np.ndarray | None = None) -> Nearest:
        """The nearest items of each query.

        Args:
            queries: [q d], L2-normalised.
            count: k.
            allowed: [g] bool, items that may answer; None: all.
        """
        found = Nearest(
            np.full((len(queries), count), NONE, np.int64), np.full((len(queries), count), -np.inf, np.float32)
        )
        for first in range(0, len(queries), _QUERIES):
            rows = slice(first, first + _QUERIES)
            block = Nearest(found.items[rows], found.similarities[rows])
            for start in range(0, len(self), _ITEMS):
                self._merge(queries[rows].astype(np.float32), start, allowed, block)
        return found

    def _merge(self, queries: np.ndarray, start: int, allowed: np.ndarray | None, found: Nearest) -> None:
        """Put the items of a block among those found before."""
        stop = min(start + _ITEMS, len(self))
        place = np.arange(start, stop)
        if allowed is not None:
            place = place[allowed[start:stop]]
        if not len(place):
            return
        items = self._values[start:stop] if len(place) == stop - start else self._values[place]
        merge(queries @ items.astype(np.float32, copy=False).T, place, found)


def merge(similarities: np.ndarray, place: np.ndarray, found: Nearest) -> None:
    """Put items among those found before, in place.

    Args:
        similarities: [q n] float32.
        place: [n] positions in the gallery, ascending, all behind those found.
        found: of the same q queries.
    """
    count = found.items.shape[1]
    for row, values in enumerate(similarities):
        last = found.similarities[row, -1]
        if len(values) > count:
            last = max(last, np.partition(values, len(values) - count)[len(values) - count])
        better = np.flatnonzero(values >= last)
        together = np.concatenate([found.similarities[row], values[better]])
        positions = np.concatenate([found.items[row], place[better]])
        order = np.argsort(-together, kind="stable")[:count]
        found.similarities[row] = together[order]
        found.items[row] = positions[order]
