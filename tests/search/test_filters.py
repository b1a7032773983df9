"""Filters by camera and time."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from support.features import made_features

from star.errors import DataError
from star.search.filters import Filters, allowed, check_filters

QUERY = made_features(4, modality="infrared").items
GALLERY = made_features(6).items


def passed(filters: Filters, query=QUERY, gallery=GALLERY) -> dict[int, list[int]]:
    """Positions of the items that may answer each query."""
    check_filters(query, gallery, filters)
    everything = np.ones(len(gallery), bool)
    groups = list(allowed(query, gallery, filters))
    rows = sorted(int(row) for group in groups for row in group.queries)
    assert rows == list(range(len(query)))
    items = {int(row): everything if g.items is None else g.items for g in groups for row in g.queries}
    return {row: np.flatnonzero(own).tolist() for row, own in items.items()}


def test_without_filters_all_items_answer():
    assert passed(Filters()) == {row: [0, 1, 2, 3, 4, 5] for row in range(4)}


def test_cameras_others_or_the_same():
    assert passed(Filters(camera="other")) == {0: [1, 3, 5], 1: [0, 2, 4], 2: [1, 3, 5], 3: [0, 2, 4]}
    assert passed(Filters(camera="same"))[0] == [0, 2, 4]
    unknown = replace(GALLERY, cameras=np.array(["", "b", "a", "", "a", "b"]))
    assert passed(Filters(camera="other"), gallery=unknown)[0] == [1, 5]


def test_cameras_of_one_name_in_two_data_sets_are_neither_others_nor_the_same():
    query, gallery = replace(QUERY, sets=np.array(["x"] * 4)), replace(GALLERY, sets=np.array(["x"] * 3 + ["y"] * 3))
    assert passed(Filters(camera="same"), query, gallery)[0] == [0, 2]
    assert passed(Filters(camera="other"), query, gallery)[0] == [1, 3, 5]
    apart = replace(QUERY, sets=np.array(["x", "y", "x", "y"]))
    assert passed(Filters(camera="same"), apart, gallery) == {0: [0, 2], 1: [3, 5], 2: [0, 2], 3: [3, 5]}
    for sets in (["y"] * 4, [""] * 4):
        with pytest.raises(
            DataError, match="camera=same: queries and gallery are of different data sets, whose cameras"
        ):
            check_filters(replace(query, sets=np.array(sets)), replace(gallery, sets=np.array(["x"] * 6)),
                          Filters(camera="same"))  # fmt: skip


def test_times_of_day_and_between_query_and_answer():
    assert passed(Filters(after=15, before=40))[0] == [2, 3]  # seen 20-25 and 30-35; 10-15 ended, 40-45 begins later
    assert passed(Filters(within=5)) == {0: [0, 1], 1: [0, 1, 2], 2: [1, 2, 3], 3: [2, 3, 4]}
    assert passed(Filters(within=25, apart=5))[0] == [1, 2, 3]
    assert passed(Filters(camera="other", within=5))[1] == [0, 2]


def test_items_of_another_clock_do_not_pass_by_time():
    mixed = replace(GALLERY, clocks=np.array(["utc", "video x", "", "utc", "utc", "utc"]))
    assert passed(Filters(within=100), gallery=mixed)[0] == [0, 3, 4, 5]
    assert passed(Filters(after=0), gallery=mixed)[0] == [0, 3, 4, 5]


def test_filters_by_what_is_not_known_are_refused():
    bare = made_features(3, cameras=("",), clock="").items
    with pytest.raises(DataError, match="camera=other: the camera of no gallery tracklet is known"):
        check_filters(QUERY, bare, Filters(camera="other"))
    with pytest.raises(DataError, match="after and before: no gallery tracklet has times of day"):
        check_filters(QUERY, bare, Filters(before=3))
    videos = made_features(3, clock="video a.mp4").items
    said = r"queries \(utc\) and gallery \(video a.mp4\) have no clock in common; embed both videos with start=TIME"
    with pytest.raises(DataError, match=said):
        check_filters(QUERY, videos, Filters(within=3))
