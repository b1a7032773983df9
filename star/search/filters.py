"""Which gallery items may answer which query: by camera and by time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, NamedTuple

import numpy as np

from star.errors import DataError
from star.search.features import Items

UTC = "utc"
"""The clock of times that count from 1970."""


class Filters(NamedTuple):
    """What answers must fulfil; the default lets all pass.

    Attributes:
        camera: "any", "other" or "same": than the query's. Items of unknown camera pass "any" only, and so do cameras
            of one name in two data sets, of which nobody knows whether they are the same.
        after, before: seconds since 1970; an answer ends after the one and begins before the other.
        within: seconds at most between query and answer, 0 where they overlap.
        apart: seconds at least between them.
    """

    camera: Literal["any", "other", "same"] = "any"
    after: float | None = None
    before: float | None = None
    within: float | None = None
    apart: float | None = None

    @property
    def used(self) -> bool:
        """Whether anything can be left out."""
        return self != Filters()


class Allowed(NamedTuple):
    """Queries that have the same items to choose from.

    Attributes:
        queries: [n] int64, their positions.
        items: [g] bool; None: all.
    """

    queries: np.ndarray
    items: np.ndarray | None


def check_filters(query: Items, gallery: Items, filters: Filters) -> None:
    """Refuse filters by what is not known of any item.

    Raises:
        DataError: no cameras, or no times, are known that can be compared.
    """
    if filters.camera != "any":
        for name, items in (("query", query), ("gallery", gallery)):
            if not (items.cameras != "").any():
                raise DataError(
                    f"camera={filters.camera}: the camera of no {name} tracklet is known; embed with camera=NAME"
                )
    if filters.camera == "same" and not set(query.sets.tolist()) & set(gallery.sets.tolist()):
        raise DataError(
            "camera=same: queries and gallery are of different data sets, whose cameras cannot be compared; give "
            "camera=any"
        )
    if (filters.after is not None or filters.before is not None) and not (gallery.clocks == UTC).any():
        raise DataError("after and before: no gallery tracklet has times of day; embed its video with start=TIME")
    if filters.within is not None or filters.apart is not None:
        common = set(query.clocks.tolist()) & set(gallery.clocks.tolist()) - {""}
        if not common:
            clocks = [", ".join(sorted({c or "no times" for c in items.clocks.tolist()})) for items in (query, gallery)]
            raise DataError(
                f"within and apart: the times of queries ({clocks[0]}) and gallery ({clocks[1]}) have no clock in "
                "common; embed both videos with start=TIME"
            )


def allowed(query: Items, gallery: Items, filters: Filters) -> Iterator[Allowed]:
    """Queries in groups that share their items; each query is in one group."""
    count = len(query)
    if not filters.used:
        yield Allowed(np.arange(count), None)
        return
    all_day = np.ones(len(gallery), bool)
    if filters.after is not None:
        all_day &= (gallery.clocks == UTC) & (gallery.ends > filters.after)
    if filters.before is not None:
        all_day &= (gallery.clocks == UTC) & (gallery.starts < filters.before)
    by_time = filters.within is not None or filters.apart is not None
    groups: dict[object, list[int]] = {}
    for row in range(count):
        key = row if by_time else (query.cameras[row], query.sets[row]) if filters.camera != "any" else None
        groups.setdefault(key, []).append(row)
    for rows in groups.values():
        yield Allowed(np.array(rows), all_day & _of_query(query, rows[0], gallery, filters))


def _of_query(query: Items, row: int, gallery: Items, filters: Filters) -> np.ndarray:
    passed = np.ones(len(gallery), bool)
    if filters.camera != "any":
        known = (gallery.cameras != "") & (query.cameras[row] != "")
        alike = gallery.cameras == query.cameras[row]
        passed &= known & (alike & (gallery.sets == query.sets[row]) if filters.camera == "same" else ~alike)
    if filters.within is not None or filters.apart is not None:
        gap = np.maximum(0, np.maximum(gallery.starts - query.ends[row], query.starts[row] - gallery.ends))
        passed &= (gallery.clocks == query.clocks[row]) & (gallery.clocks != "") & np.isfinite(gap)
        if filters.within is not None:
            passed &= gap <= filters.within
        if filters.apart is not None:
            passed &= gap >= filters.apart
    return passed
