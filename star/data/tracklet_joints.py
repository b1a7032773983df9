"""Cleaned joints of the frames of a clip, from whole tracklets that are cleaned once and kept."""

from __future__ import annotations

from collections.abc import Sequence

from star.data.cleaning import Cleaning, clean
from star.data.frame_joints import FrameJoints, read_joints
from star.data.frame_size import frame_size
from star.errors import DataError
from star.types import Split

_UNKNOWN_SIZE = (1 << 30, 1 << 30)
"""So large that no joint lies far outside."""


class TrackletJoints:
    """Reads, cleans and keeps tracklets, about 300 bytes a frame; safe to use from several threads.

    The joints of a clip depend on its tracklet alone, not on what was read before or by whom. Of the frames the clip
    does not use only the header is read; joints of a frame whose header cannot be read count as missing.

    Args:
        split: with a skeleton store.
        options: see `star.data.cleaning`.
        min_confidence: joints below it are missing.
    """

    def __init__(self, split: Split, options: Cleaning, min_confidence: float):
        self._split = split
        self._options = options
        self._min_confidence = min_confidence
        self._cleaned: dict[tuple[str, ...], FrameJoints] = {}

    def read(self, tracklet: Sequence[str], keys: Sequence[str]) -> FrameJoints:
        """Cleaned joints of some frames of a tracklet.

        Args:
            tracklet: keys of all its frames in time order.
            keys: t of them, repeats allowed.
        """
        whole = tuple(tracklet)
        cleaned = self._cleaned.get(whole)
        if cleaned is None:
            cleaned = self._cleaned.setdefault(whole, self._clean(whole))
        place = {key: row for row, key in enumerate(whole)}
        return cleaned.rows([place[key] for key in keys])

    def _clean(self, keys: tuple[str, ...]) -> FrameJoints:
        store = self._split.skeletons
        assert store is not None, "a split without skeletons has no joints to clean"
        sizes = [self._size(key) for key in keys]
        found = read_joints(store, keys, [size or _UNKNOWN_SIZE for size in sizes], self._min_confidence)
        unknown = [row for row, size in enumerate(sizes) if size is None]
        found.joints[unknown] = 0
        found.present[unknown] = False
        return clean(found, self._options)

    def _size(self, key: str) -> tuple[int, int] | None:
        try:
            return frame_size(self._split.frames, key)
        except DataError:
            return None
