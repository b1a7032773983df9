"""Tracklets cut out of a video: of every track the frames of its clip, as files in a folder of their own.

The frames of a clip are chosen as the evaluation protocol chooses them, among those that exist: the boxes of the track
that lie in the image, in frames that can be read. A track with fewer frames than a clip keeps them all. What is on
disk already is not cut again, so a cutting that was killed is continued.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np

from star.data.frame_sampling import clip_positions
from star.errors import DataError
from star.footage.track_file import Track, TrackFile
from star.footage.video import Video

SUFFIX = ".png"
_FEW = 0.1
"""Holes before more of a video's frames than this come of its way of counting time."""
_LEAST_COMPRESSION = [cv2.IMWRITE_PNG_COMPRESSION, 1]

Progress = Callable[[int, int], None]
"""Called with the frames passed and the number of the last one that is wanted."""


class Cut(NamedTuple):
    """A track that has frames.

    Attributes:
        number: the id in the track file.
        first, last: of its frames in the video, from 0.
        boxes: those it could be cut from, whether they were chosen or not.
    """

    number: int
    first: int
    last: int
    boxes: int


class Cutting(NamedTuple):
    """What was cut.

    Attributes:
        tracks: in the order of the file.
        rate: frames a second, None where the video does not state it.
        frames: of the video up to the last one that is wanted and there.
        bad_frames: of those, the ones that could not be read.
        empty: boxes without area, left out.
        outside: boxes beside the image, left out.
        cut: boxes that were cut at the image's border.
        beyond: boxes in frames after the video's end, or in frames that cannot be read.
        lost: numbers of the tracks that have no frame at all.
        notes: what a user should know of the video.
    """

    tracks: tuple[Cut, ...]
    rate: float | None
    frames: int
    bad_frames: int
    empty: int
    outside: int
    cut: int
    beyond: int
    lost: tuple[int, ...]
    notes: tuple[str, ...]

    @classmethod
    def from_json(cls, stored: Any) -> Cutting | None:
        """What JSON has kept of one; None for nothing."""
        if stored is None:
            return None
        cutting = cls(*stored)
        return cutting._replace(
            tracks=tuple(Cut(*track) for track in cutting.tracks), lost=tuple(cutting.lost), notes=tuple(cutting.notes)
        )


class _Inside(NamedTuple):
    """The boxes of a track that lie in the image, as rows left, top, right and bottom in whole pixels."""

    track: Track
    boxes: np.ndarray


def cut_tracks(
    path: Path, tracks: TrackFile, folder: Path, *, frames: int | None, on_progress: Progress | None = None
) -> Cutting:
    """Cut the tracks of a video into `folder/<track>/<frame>.png`, frames numbered from 0.

    The video is read once, from the first to the last frame that is wanted; a second time only if some of these cannot
    be read, so that others take their place. Memory is that of one frame.

    Args:
        path: the video.
        tracks: its tracks.
        folder: made if needed.
        frames: t of a clip; None cuts every frame.
        on_progress: called now and then.

    Raises:
        DataError: the video cannot be opened, no box lies in it or is wider than 1, or the folder cannot be written.
    """
    height, width = _size(path)
    inside, counts = _inside(tracks, height, width)
    if not inside:
        raise DataError(
            f"{tracks.path}: none of the {tracks.boxes:,} boxes lies in the frames of {path}, {width} x {height} "
            "pixels; expected left, top, width and height in pixels of this video"
        )
    if max(float(track.boxes[:, 2].max()) for track in tracks.tracks) <= 1:
        raise DataError(
            f"{tracks.path}: no box is wider than 1, expected left, top, width and height in pixels of {path}, "
            f"{width} x {height}, not shares of its size"
        )
    bad: set[int] = set()
    end: int | None = None
    plan = _plan(inside, frames, bad, end)
    video = _cut(path, plan, inside, folder, on_progress)
    while not set(video.bad) <= bad or (video.ended and end is None):
        bad |= set(video.bad)
        end = video.frames if video.ended else end
        plan = _plan(inside, frames, bad, end)
        if not plan:
            break
        video = _cut(path, plan, inside, folder, on_progress)
    kept = [_readable(item, bad, end) for item in inside]
    return Cutting(
        tracks=tuple(
            Cut(item.track.number, int(item.track.frames[0]), int(item.track.frames[-1]), len(item.boxes))
            for item in kept
            if len(item.boxes)
        ),
        rate=video.rate,
        frames=video.frames if end is None else end,
        bad_frames=len(bad),
        **counts,
        beyond=sum(len(before.boxes) - len(after.boxes) for before, after in zip(inside, kept, strict=True)),
        lost=_lost(tracks, kept),
        notes=(*_notes(video, inside, end), *_note_of_corners(tracks, counts["cut"], height, width)),
    )


def is_whole(cutting: Cutting, folder: Path, frames: int | None) -> bool:
    """Whether every frame that was cut is still in the folder; `frames` of a clip as given for the cutting."""
    for cut in cutting.tracks:
        wanted = cut.boxes if frames is None else len(set(clip_positions(cut.boxes, frames).tolist()))
        if len(list((folder / str(cut.number)).glob(f"*{SUFFIX}"))) != wanted:
            return False
    return True


def _size(path: Path) -> tuple[int, int]:
    with Video(path) as video:
        for _, frame in video.read(range(100)):
            return frame.shape[0], frame.shape[1]
    raise DataError(f"video {path} has no frame that can be read")


def _inside(tracks: TrackFile, height: int, width: int) -> tuple[list[_Inside], dict[str, int]]:
    """The boxes in the image, cut at its border; how many were empty, outside or cut."""
    kept = []
    counts = {"empty": 0, "outside": 0, "cut": 0}
    for track in tracks.tracks:
        low, size = track.boxes[:, :2], track.boxes[:, 2:]
        edges = np.rint(np.concatenate([low, low + size], axis=1))
        empty = (edges[:, 2:] <= edges[:, :2]).any(axis=1)
        whole = edges.clip(0, [width, height, width, height])
        outside = ~empty & (whole[:, 2:] <= whole[:, :2]).any(axis=1)
        good = ~empty & ~outside
        counts["empty"] += int(empty.sum())
        counts["outside"] += int(outside.sum())
        counts["cut"] += int((good & (whole != edges).any(axis=1)).sum())
        if good.any():
            kept.append(_Inside(Track(track.number, track.frames[good], track.boxes[good]), whole[good].astype(int)))
    return kept, counts


def _readable(item: _Inside, bad: set[int], end: int | None) -> _Inside:
    """The boxes in frames that can be read."""
    track = item.track
    good = np.array([number not in bad and (end is None or number < end) for number in track.frames.tolist()])
    return _Inside(Track(track.number, track.frames[good], track.boxes[good]), item.boxes[good])


def _plan(
    inside: Sequence[_Inside], frames: int | None, bad: set[int], end: int | None
) -> Mapping[int, list[tuple[int, np.ndarray]]]:
    """For each frame of the video that is wanted, in order, the tracks and boxes to cut there."""
    wanted: dict[int, list[tuple[int, np.ndarray]]] = defaultdict(list)
    for item in inside:
        track, boxes = _readable(item, bad, end)
        count = len(boxes)
        if count:
            rows = range(count) if frames is None else dict.fromkeys(clip_positions(count, frames).tolist())
            for row in rows:
                wanted[int(track.frames[row])].append((track.number, boxes[row]))
    return dict(sorted(wanted.items()))


def _cut(
    path: Path,
    plan: Mapping[int, list[tuple[int, np.ndarray]]],
    inside: Sequence[_Inside],
    folder: Path,
    on_progress: Progress | None,
) -> Video:
    """Write what the plan wants and is not there; files that it does not want are removed."""
    wanted = {_file(folder, track, frame) for frame, boxes in plan.items() for track, _ in boxes}
    for item in inside:
        for old in (folder / str(item.track.number)).glob("*"):
            if old not in wanted:
                old.unlink()
    missing = {n for n, boxes in plan.items() if any(not _file(folder, track, n).is_file() for track, _ in boxes)}
    last = max(plan)
    with Video(path) as video:
        for number, frame in video.read(sorted(missing | {last})):
            for track, (left, top, right, bottom) in plan[number]:
                _write(_file(folder, track, number), frame[top:bottom, left:right])
            if on_progress:
                on_progress(number, last)
    return video


def _file(folder: Path, track: int, frame: int) -> Path:
    return folder / str(track) / f"{frame:06d}{SUFFIX}"


def _write(path: Path, crop: np.ndarray) -> None:
    partial = path.with_suffix(".partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_bytes(cv2.imencode(SUFFIX, crop, _LEAST_COMPRESSION)[1].tobytes())
        os.replace(partial, path)
    except OSError as error:
        raise DataError(
            f"{path} cannot be written: {error.strerror}; make room and give the same command again, it continues"
        ) from error


def _lost(tracks: TrackFile, kept: Sequence[_Inside]) -> tuple[int, ...]:
    found = {item.track.number for item in kept if len(item.boxes)}
    return tuple(track.number for track in tracks.tracks if track.number not in found)


def _note_of_corners(tracks: TrackFile, cut: int, height: int, width: int) -> list[str]:
    """What speaks for right and bottom in the place of width and height: such boxes mostly reach over the border."""
    boxes = np.concatenate([track.boxes for track in tracks.tracks])
    ordered = (boxes[:, 2:] > boxes[:, :2]).all() and (boxes[:, 2:] <= (width, height)).all()
    if not ordered or 2 * cut <= len(boxes):
        return []
    return [
        f"{tracks.path}: {cut:,} of {len(boxes):,} boxes reach over the image's border, and all would lie in it if the "
        "fifth and sixth field were right and bottom; expected left,top,width,height"
    ]


def _notes(video: Video, inside: Sequence[_Inside], end: int | None) -> list[str]:
    notes = []
    last = max(int(item.track.frames[-1]) for item in inside)
    if end is not None:
        notes.append(f"{video.path} ends after {end:,} frames, its tracks go on to frame {last + 1:,} (from 1)")
    if video.ended and video.bad and video.frames < video.stated:
        notes.append(
            f"{video.path} states {video.stated:,} frames, of which {video.frames:,} came: behind frame "
            f"{min(video.bad) + 1:,} (from 1), which cannot be decoded, boxes may be cut from frames of another time"
        )
    if video.turned:
        notes.append(
            f"{video.path} asks to be turned by {video.turned} degrees; its frames are read as they are stored, and "
            "boxes from frames that were turned do not fit them"
        )
    if len(video.jumps) >= max(1, _FEW * video.frames):
        notes.append(
            f"{video.path}: frames do not follow at one rate; times of tracklets are counted with its mean, "
            f"{video.rate:g} frames a second"
        )
    elif video.jumps:
        notes.append(
            f"{video.path}: the time stamps leave {len(video.jumps)} holes (first: before frame "
            f"{video.jumps[0] + 1:,}, from 1): frames are counted as they are read, tracks made from another copy may "
            "count otherwise"
        )
    return notes
