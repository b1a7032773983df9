"""Queries that have a right answer in their gallery, before anything is ranked."""

from __future__ import annotations

from star.errors import DataError
from star.types import Retrieval, VideoReIDData


def count_valid(pair: Retrieval, same_camera_filter: bool) -> int:
    """Queries with at least one gallery tracklet of their identity, with the filter of another camera."""
    cameras: dict[int, set[int]] = {}
    for tracklet in pair.gallery.tracklets:
        cameras.setdefault(tracklet.identity, set()).add(tracklet.camera)
    return sum(
        any(camera != t.camera or not same_camera_filter for camera in cameras.get(t.identity, ()))
        for t in pair.query.tracklets
    )


def require_matches(data: VideoReIDData) -> None:
    """For runs, which would only learn it at their first ranking.

    Raises:
        DataError: a direction has no query with a match.
    """
    for direction, pair in data.test.items():
        if not count_valid(pair, data.same_camera_filter):
            seen = " seen by another camera" if data.same_camera_filter else ""
            raise DataError(
                f"{data.name}: none of the {len(pair.query.tracklets)} {pair.query.modality} queries has a "
                f"{pair.gallery.modality} gallery tracklet of its identity{seen}, so {direction} cannot be ranked; "
                f"look at the query and gallery lists, or at dataset.same_camera_filter ({data.protocol})"
            )
