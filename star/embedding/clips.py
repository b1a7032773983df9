"""Clips of a split one after the other, read ahead by threads; a clip that cannot be read does not stop the others."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple

import cv2
import numpy as np

from star.data.clip import Reading, Tally
from star.data.clip_source import ClipJob, ClipSource, Row
from star.errors import DataError
from star.search.strips import draw_strip
from star.types import NUMBER_OF_JOINTS, ClipShape, Split

_AHEAD = 2
"""Batches that are read while one is embedded."""


class ReadClip(NamedTuple):
    """A clip that was read.

    Attributes:
        row: of its tracklet in the split.
        frames: [t h w 3] uint8, RGB; with anaglyphs [2t h w 3].
        joints: [t 17 3] float32, as in `star.types.ClipBatch`.
        bad_frames: of its frames, those for which a neighbour stands in.
        strip: JPEG file of a few of its frames.
        strip_joints: [s 17 3] float16, in these.
    """

    row: int
    frames: np.ndarray
    joints: np.ndarray
    bad_frames: int
    strip: bytes
    strip_joints: np.ndarray


class ClipFeed:
    """Reads the clips of some tracklets.

    Args:
        split: of the tracklets.
        shape: of a clip.
        reading: how frames and joints are read.
        anaglyphs: whether those of the frames follow the frames.
        strip: frames of a strip.
        workers: threads.

    Attributes:
        lost: message of each clip of which no frame could be read, by row.
    """

    def __init__(self, split: Split, shape: ClipShape, reading: Reading, *, anaglyphs: bool, strip: int, workers: int):
        cv2.setNumThreads(0)
        self._split = split
        self._shape, self._streams = shape, 2 if anaglyphs else 1
        self._source = ClipSource(split, shape, reading, anaglyphs=anaglyphs)
        self._tally = Tally()
        self._strip = strip
        self._workers = workers
        self.lost: dict[int, str] = {}

    def batches(self, rows: Sequence[int], size: int) -> Iterator[list[ReadClip]]:
        """Batches of clips in the order of `rows`, fewer than `size` only where clips could not be read and at the end.

        Raises:
            StarError: something but a frame cannot be read.
        """
        left = iter(rows)
        with ThreadPoolExecutor(self._workers) as pool:
            waiting = [pool.submit(self._read, row) for row in itertools.islice(left, size * _AHEAD)]
            try:
                while waiting:
                    batch, waiting = waiting[:size], waiting[size:]
                    waiting += [pool.submit(self._read, row) for row in itertools.islice(left, size)]
                    yield [clip for future in batch if (clip := self._result(future)) is not None]
            finally:
                for future in waiting:
                    future.cancel()

    def _result(self, future: Future[ReadClip | tuple[int, DataError]]) -> ReadClip | None:
        read = future.result()
        if isinstance(read, ReadClip):
            return read
        row, error = read
        self.lost[row] = str(error)
        return None

    def _read(self, row: int) -> ReadClip | tuple[int, DataError]:
        count, height, width = self._shape
        frames = np.empty((self._streams * count, height, width, 3), np.uint8)
        joints = np.empty((self._shape.frames, NUMBER_OF_JOINTS, 3), np.float32)
        try:
            found = self._source.read([Row(ClipJob(row), frames, joints)])[0]
        except DataError as error:
            return row, error
        self._tally.add(found)
        strip, strip_joints = draw_strip(self._split, self._split.tracklets[row], self._strip)
        return ReadClip(row, frames, joints, found.counts["bad_frames"], strip, strip_joints)
