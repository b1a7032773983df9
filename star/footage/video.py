"""A video file read from its first frame to its last, frames counted in the order in which they come.

Nothing is sought: the places that OpenCV seeks to are not exact in every file. A frame that is not wanted is decoded,
but not converted. A frame that cannot be decoded counts as well, where FFmpeg says that there was one.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType

import cv2
import numpy as np

from star.errors import DataError

_JUMP = 1.5
"""Frames whose time stamps lie further apart than this, in frame times, have something missing between them."""
_GIVE_UP = 100
"""So many failures in a row are the end; FFmpeg does not tell a damaged frame from the end of the file."""


class Video:
    """A video that is read once; a context manager.

    Args:
        path: the file.

    Attributes:
        rate: frames a second as the file states them; None where it does not.
        stated: frames that the file says it has; often not exact, 0 where it says nothing.
        turned: degrees by which the file asks to turn its frames, which are read as they are stored.
        frames: passed so far, up to the last good one.
        bad: numbers of the frames among them that could not be read, from 0.
        jumps: numbers of the frames before which the time stamps leave a hole.
        ended: whether a frame after the last one was asked for.

    Raises:
        DataError: the file cannot be opened as a video.
    """

    def __init__(self, path: Path):
        self.path = path
        if not path.is_file():
            raise DataError(f"video {path} is missing")
        self._capture = cv2.VideoCapture(str(path))
        if not self._capture.isOpened():
            raise DataError(
                f"video {path} cannot be opened: it is empty, cut off or damaged, no video, or of a codec that "
                "OpenCV's FFmpeg does not know"
            )
        rate = self._capture.get(cv2.CAP_PROP_FPS)
        self.rate = rate if math.isfinite(rate) and rate > 0 else None
        self.stated = max(0, int(self._capture.get(cv2.CAP_PROP_FRAME_COUNT)))
        self._capture.set(cv2.CAP_PROP_ORIENTATION_AUTO, 0)
        self.turned = int(self._capture.get(cv2.CAP_PROP_ORIENTATION_META)) % 360
        self.frames = 0
        self.bad: list[int] = []
        self.jumps: list[int] = []
        self._seconds = 0.0
        self.ended = False

    def read(self, wanted: Iterable[int]) -> Iterator[tuple[int, np.ndarray]]:
        """The wanted frames that can be read.

        Args:
            wanted: numbers from 0, ascending, none that was passed before.

        Yields:
            Number and frame, [h w 3] uint8, BGR.
        """
        for number in wanted:
            while self.frames <= number and not self.ended:
                self._advance()
            if self.ended:
                return
            if self.frames - 1 == number:
                whole, frame = self._capture.retrieve()
                if whole and frame is not None:
                    yield number, frame
                else:
                    self.bad.append(number)

    def _advance(self) -> None:
        """On to the next frame that can be decoded; those before it are bad."""
        for failures in range(_GIVE_UP):
            if self._capture.grab():
                self.bad += range(self.frames, self.frames + failures)
                self._note_jump(failures)
                self.frames += failures + 1
                return
        self.ended = True

    def _note_jump(self, failures: int) -> None:
        seconds = self._capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
        if self.rate and self.frames and (seconds - self._seconds) * self.rate > failures + _JUMP:
            self.jumps.append(self.frames + failures)
        self._seconds = seconds

    def __enter__(self) -> Video:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._capture.release()
