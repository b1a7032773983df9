"""Track files in the MOTChallenge text format, one box a line: `frame,id,left,top,width,height,confidence,...`.

Frames count from 1 unless another first number is given. Coordinates are taken as trackers write them: `left` and `top`
are the box's edges in pixels of the video, 0 at the image's edge. Fields are parted by commas, semicolons, or tabs and
blanks, one of them in a line; what follows the seventh is not read. A first line that begins with `frame` is a heading.
"""

from __future__ import annotations

import math
import re
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import NamedTuple

import numpy as np

from star.data.text import read_text
from star.errors import DataError

_FIELDS = ("frame", "id", "left", "top", "width", "height")
_CONFIDENCE = len(_FIELDS)
_FORM = "expected frame,id,left,top,width,height,confidence,..."
_GREATEST = 2**63 - 1
_BETWEEN = re.compile(r"\s*[,;]\s*|\s+")


class Track(NamedTuple):
    """One person followed through a video.

    Attributes:
        number: the id in the file.
        frames: [n] int64, ascending; 0 is the first frame of the video.
        boxes: [n 4] float64, left, top, width and height in pixels.
    """

    number: int
    frames: np.ndarray
    boxes: np.ndarray


class TrackFile(NamedTuple):
    """What a track file holds.

    Attributes:
        path: the file.
        tracks: in the order of their numbers.
        boxes: of all tracks.
        unsure: boxes left out because their confidence is below the smallest.
    """

    path: Path
    tracks: tuple[Track, ...]
    boxes: int
    unsure: int


class _Box(NamedTuple):
    frame: int
    track: int
    place: tuple[float, ...]
    confidence: float | None


def read_track_file(path: Path, *, first_frame: int = 1, min_confidence: float | None = None) -> TrackFile:
    """Parse a track file; lines may be in any order.

    Args:
        path: the file.
        first_frame: number that the file gives the first frame of the video.
        min_confidence: boxes below it are left out; None keeps all.

    Raises:
        DataError: the file is missing or has no box, all are below `min_confidence`, a line is malformed, or a track
            has two boxes in a frame; gives file and line.
    """
    try:
        text = read_text(path)
    except OSError as error:
        raise DataError(f"track file {path} cannot be read: {error.strerror}") from error
    lines: dict[tuple[int, int], int] = {}
    found: dict[int, list[_Box]] = {}
    unsure = 0
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip() or (number == 1 and line.strip().lower().startswith(_FIELDS[0])):
            continue
        where = f"{path}:{number}"
        box = _parse(line.strip(), where, first_frame)
        before = lines.setdefault((box.track, box.frame), number)
        if before != number:
            raise DataError(
                f"{where}: track {box.track} has a second box in frame {box.frame} (the first: line {before}), "
                "expected one"
            )
        if min_confidence is not None:
            if box.confidence is None:
                raise DataError(f"{where}: given {line.strip()!r}, expected a confidence as the seventh field")
            if box.confidence < min_confidence:
                unsure += 1
                continue
        found.setdefault(box.track, []).append(box)
    if not lines:
        raise DataError(f"track file {path} has no box; {_FORM}")
    if not found:
        raise DataError(f"track file {path}: min_confidence={min_confidence:g} leaves out all {unsure:,} boxes of it")
    tracks = tuple(_track(number, found[number], first_frame) for number in sorted(found))
    return TrackFile(path, tracks, len(lines) - unsure, unsure)


def _track(number: int, boxes: list[_Box], first_frame: int) -> Track:
    boxes = sorted(boxes)
    frames = np.array([box.frame - first_frame for box in boxes], np.int64)
    return Track(number, frames, np.array([box.place for box in boxes], np.float64))


def _parse(line: str, where: str, first_frame: int) -> _Box:
    line = line.rstrip(",; \t")
    words, between = _BETWEEN.split(line), [found.strip() for found in _BETWEEN.findall(line)]
    if len({*between[:_CONFIDENCE]}) > 1 or ("," in between[_CONFIDENCE : _CONFIDENCE + 1] and between[0] != ","):
        raise DataError(
            f"{where}: given {line!r}, expected fields parted either by commas, or by semicolons, or by blanks; "
            "decimals are written with a point, as 10.5"
        )
    try:
        values = [float(word) for word in words[: _CONFIDENCE + 1]]
    except ValueError:
        values = []
    if len(values) < len(_FIELDS):
        raise DataError(f"{where}: given {line!r}, {_FORM}")
    for name, value in zip((*_FIELDS, "confidence"), values, strict=False):
        if not math.isfinite(value):
            raise DataError(f"{where}: given {name} {value}, expected a finite number")
    frame, track = (_whole(name, word, where) for name, word in zip(_FIELDS[:2], words, strict=False))
    if frame < first_frame:
        advice = "; give first_frame=0 if the file counts from 0" if frame == 0 else ""
        raise DataError(f"{where}: given frame {frame}, expected {first_frame} or more{advice}")
    if track < 0:
        raise DataError(
            f"{where}: given id {track}, expected 0 or more: detections have no track yet, a tracker gives them one"
        )
    for name, value in zip(_FIELDS[4:], values[4:], strict=False):
        if value < 0:
            raise DataError(f"{where}: given {name} {value:g}, expected 0 or more")
    return _Box(frame, track, tuple(values[2:6]), values[6] if len(values) > _CONFIDENCE else None)


def _whole(name: str, word: str, where: str) -> int:
    """A number without a fraction, also as `12.0` or `2e1`; exact, where a float would round it."""
    try:
        value = Decimal(word)
    except InvalidOperation:  # an exponent that no decimal has
        value = Decimal("0.5")
    if abs(value) > _GREATEST:
        raise DataError(f"{where}: given {name} {word}, expected at most {_GREATEST} (64 bits)")
    if value != value.to_integral_value():
        raise DataError(f"{where}: given {name} {word}, expected a whole number")
    return int(value)
