"""Checking a data set on disk: every frame decoded, every skeleton looked up, everything counted."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import cv2
import numpy as np

from star.data.coco_joints import JOINTS
from star.data.decode import load_frame
from star.data.matches import count_valid
from star.data.skeleton_checks import CONFIDENT, are_far
from star.errors import DataError
from star.types import MODALITIES, NUMBER_OF_JOINTS, Direction, Modality, Split, VideoReIDData

_SAMPLED = 1000
_SHOWN = 10
_CHUNK = 256
_TINY = 0.01
"""Share of the median frame's pixels below which the smallest frame is named."""


class SplitReport(NamedTuple):
    """Counts of one split.

    Attributes:
        name: of the split.
        identities, tracklets, frames: how many; frames without repeats.
        cameras: their numbers, by modality.
    """

    name: str
    identities: int
    tracklets: int
    frames: int
    cameras: dict[Modality, list[int]]


class DirectionReport(NamedTuple):
    """What one direction ranks.

    Attributes:
        query, gallery: modalities.
        queries, valid, items: queries, those of them with a match, gallery tracklets.
    """

    query: Modality
    gallery: Modality
    queries: int
    valid: int
    items: int


class SkeletonReport(NamedTuple):
    """Skeletons of the checked frames of one split and modality.

    Attributes:
        frames: checked frames.
        with_skeleton: of these, frames that have one.
        usable: of these, frames with a joint that is finite, not far outside, and has confidence above 0.
        confident: their joints with confidence 0.3 or more.
        not_finite: their joints with NaN or infinity.
        far: their joints more than ten frame sizes outside the frame.
    """

    frames: int = 0
    with_skeleton: int = 0
    usable: int = 0
    confident: int = 0
    not_finite: int = 0
    far: int = 0


class DatasetReport(NamedTuple):
    """What `check_dataset` found.

    Attributes:
        name, protocol, notes: of the data set.
        splits: train, then those of the test set.
        directions: of the test set.
        checked: frames that were decoded.
        bad: messages of all frames that could not be; each names its file.
        heights, widths: smallest and largest of the good frames; (0, 0) if there are none.
        tiny: a message that names the smallest frame, if it has less than a hundredth of the median's pixels.
        skeletons: by split and modality; empty without a store.
        far: file, frame, name and place of each joint that is more than ten frame sizes outside its frame.
    """

    name: str
    protocol: str
    notes: tuple[str, ...]
    splits: tuple[SplitReport, ...]
    directions: dict[Direction, DirectionReport]
    checked: int
    bad: tuple[str, ...]
    heights: tuple[int, int]
    widths: tuple[int, int]
    tiny: str | None
    skeletons: dict[tuple[str, Modality], SkeletonReport]
    far: tuple[str, ...]


class _FrameReport(NamedTuple):
    size: tuple[int, int] | None
    error: str | None
    skeleton: SkeletonReport
    far: list[str]


def check_dataset(
    data: VideoReIDData, *, full: bool = True, workers: int = 1, on_progress: Callable[[int, int], None] | None = None
) -> DatasetReport:
    """Decode the frames of all tracklets and read their skeletons.

    Tracklets the reader left out are not looked at: read the data set with `min_frames=1` to check those too.

    Args:
        data: the data set.
        full: every frame; otherwise a thousand, spread evenly.
        workers: threads.
        on_progress: called with the frames done and their total, now and then.

    Raises:
        DataError: a skeleton file that is damaged.
    """
    jobs: dict[str, tuple[Split, str]] = {}
    parts: dict[tuple[str, Modality], set[str]] = {}
    for split in data.splits:
        for tracklet in split.tracklets:
            part = parts.setdefault((split.name, tracklet.modality), set())
            for key in tracklet.frames:
                name = split.frames.name(key)
                jobs[name] = (split, key)
                part.add(name)
    frames = list(jobs.items())
    if not full:
        frames = frames[:: max(1, len(frames) // _SAMPLED)]
    cv2.setNumThreads(0)
    reports: dict[str, _FrameReport] = {}
    with ThreadPoolExecutor(workers) as pool:
        chunks = [frames[start : start + _CHUNK] for start in range(0, len(frames), _CHUNK)]
        for some in pool.map(_look_at_all, chunks):
            reports |= some
            if on_progress:
                on_progress(len(reports), len(frames))
    found = list(reports.values())
    sizes = np.array([report.size for report in found if report.size] or [(0, 0)])
    return DatasetReport(
        name=data.name,
        protocol=data.protocol,
        notes=data.notes,
        splits=tuple(map(count_split, data.splits)),
        directions=count_directions(data),
        checked=len(found),
        bad=tuple(report.error for report in found if report.error),
        heights=(int(sizes[:, 0].min()), int(sizes[:, 0].max())),
        widths=(int(sizes[:, 1].min()), int(sizes[:, 1].max())),
        tiny=_tiny(reports),
        skeletons={
            part: _sum(reports[name].skeleton for name in names if name in reports) for part, names in parts.items()
        }
        if any(split.skeletons for split in data.splits)
        else {},
        far=tuple(message for report in found for message in report.far),
    )


def format_report(report: DatasetReport) -> str:
    """The report as lines for the terminal."""
    lines = [f"data set {report.name} ({report.protocol})"]
    width = max(8, *(len(split.name) for split in report.splits))
    for split in report.splits:
        cameras = "; ".join(f"{m} {', '.join(map(str, numbers))}" for m, numbers in split.cameras.items())
        lines.append(
            f"  {split.name:<{width}} {split.identities:>6,} identities {split.tracklets:>7,} tracklets "
            f"{split.frames:>9,} frames   cameras: {cameras}"
        )
    lines += [
        f"  {direction:<{width}} {d.queries:>6,} {d.query} queries, {d.valid:,} with a match among {d.items:,} "
        f"{d.gallery} gallery tracklets"
        for direction, d in report.directions.items()
    ]
    lines.append(
        f"  {'frames':<{width}} {report.checked:,} checked, {len(report.bad):,} bad; height {report.heights[0]} to "
        f"{report.heights[1]}, width {report.widths[0]} to {report.widths[1]} pixels"
    )
    lines += _first(report.bad)
    lines += [f"    {report.tiny}"] if report.tiny else []
    lines += [f"  skeletons {_part(part)}: {_describe(found)}" for part, found in report.skeletons.items()]
    lines += _first(report.far)
    lines += [] if report.skeletons else ["  skeletons: none"]
    notes = [*report.notes, *(_without(part) for part, found in report.skeletons.items() if not found.usable)]
    return "\n".join([*lines, *(f"  note: {note}" for note in notes)])


def _first(messages: Sequence[str]) -> list[str]:
    more = [f"    ... and {len(messages) - _SHOWN:,} more"] if len(messages) > _SHOWN else []
    return [*(f"    {message}" for message in messages[:_SHOWN]), *more]


def _part(part: tuple[str, Modality]) -> str:
    """A split and a modality in words; some names of splits say the modality."""
    split, modality = part
    return split if modality in split else f"{split} {modality}"


def _describe(found: SkeletonReport) -> str:
    share = f"{found.with_skeleton / found.frames:.1%}" if found.frames else "none"
    text = f"{found.with_skeleton:,} of {found.frames:,} frames ({share})"
    if not found.with_skeleton:
        return text
    joints = found.with_skeleton * NUMBER_OF_JOINTS
    text += f", {found.confident / joints:.1%} of their joints have confidence {CONFIDENT} or more"
    text += f", NaN or infinite: {found.not_finite:,}" if found.not_finite else ""
    return text + (f", more than ten frame sizes outside: {found.far:,}" if found.far else "")


def _without(part: tuple[str, Modality]) -> str:
    return (
        f"no frame of {_part(part)} has a skeleton with a joint that is finite and has confidence above 0; where that "
        "holds for a whole split, experiments that read skeletons refuse the data set"
    )


def _look_at_all(frames: list[tuple[str, tuple[Split, str]]]) -> dict[str, _FrameReport]:
    return {name: _look_at(split, key) for name, (split, key) in frames}


def _look_at(split: Split, key: str) -> _FrameReport:
    size, problem = None, None
    try:
        height, width, _ = load_frame(split.frames, key).shape
        size = (height, width)
    except DataError as error:
        problem = str(error)
    joints = split.skeletons.read(key) if split.skeletons else None
    if joints is None:
        return _FrameReport(size, problem, SkeletonReport(frames=1), [])
    assert split.skeletons is not None
    finite, confidence = np.isfinite(joints).all(axis=1), np.nan_to_num(joints[:, 2])
    far = np.zeros(len(joints), bool)
    if size is not None:
        far = finite & (confidence > 0) & are_far(joints[:, :2] / (size[1], size[0]))
    counted = confidence[finite & ~far]
    skeleton = SkeletonReport(
        frames=1,
        with_skeleton=1,
        usable=int((counted > 0).any()),
        confident=int((counted >= CONFIDENT).sum()),
        not_finite=int((~finite).sum()),
        far=int(far.sum()),
    )
    where = f"{split.skeletons.path}, key {key}"
    named = [f"{where}: {JOINTS[j]} at ({joints[j, 0]:g}, {joints[j, 1]:g})" for j in np.flatnonzero(far)]
    return _FrameReport(size, problem, skeleton, named)


def _sum(found: Iterable[SkeletonReport]) -> SkeletonReport:
    return SkeletonReport(*map(sum, zip(SkeletonReport(), *found, strict=True)))


def count_split(split: Split) -> SplitReport:
    """Count without opening a frame."""
    cameras: dict[Modality, list[int]] = {
        m: sorted({t.camera for t in split.tracklets if t.modality == m}) for m in MODALITIES
    }
    return SplitReport(
        name=split.name,
        identities=len(split.identities),
        tracklets=len(split.tracklets),
        frames=len({key for tracklet in split.tracklets for key in tracklet.frames}),
        cameras={m: numbers for m, numbers in cameras.items() if numbers},
    )


def count_directions(data: VideoReIDData) -> dict[Direction, DirectionReport]:
    """Count without opening a frame."""
    return {
        direction: DirectionReport(
            pair.query.modality,
            pair.gallery.modality,
            len(pair.query.tracklets),
            count_valid(pair, data.same_camera_filter),
            len(pair.gallery.tracklets),
        )
        for direction, pair in data.test.items()
    }


def _tiny(reports: Mapping[str, _FrameReport]) -> str | None:
    sizes = [(report.size[0] * report.size[1], name, report.size) for name, report in reports.items() if report.size]
    median = float(np.median([pixels for pixels, _, _ in sizes] or [0]))
    few = [entry for entry in sizes if entry[0] < _TINY * median]
    if not few:
        return None
    _, name, (height, width) = min(few)
    return (
        f"{len(few):,} frames have less than a hundredth of the median's {median:,.0f} pixels, smallest: {name} "
        f"(height {height}, width {width})"
    )
