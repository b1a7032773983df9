"""The person of each frame of a tracklet, where results hold several: the one that continues the track.

A path through the tracklet is chosen as a whole, with the smallest sum of two distances in heights of the crop:

* of a person from the middle of the crop, which was cut around the person it shows;
* of its joints from those of the person in the frame before; none where both have the same track number, one height
  more where their numbers differ.

Of persons without track numbers whose joints are less than a tenth of a height apart, who are one person found twice,
the best is taken: the highest score, then the largest, then the first.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from star.pose.importers.frame_names import Frame
from star.pose.importers.result import Person

_ANOTHER_TRACK = 1.0
_TWICE = 0.1
_JUMP = 0.25


class Crop(NamedTuple):
    """A frame in the units of its joints: its middle and its height."""

    x: float
    y: float
    height: float


class Followed(NamedTuple):
    """What was chosen in one tracklet.

    Attributes:
        chosen: person of each frame.
        not_best: frames in which another person has a higher score.
        changed: frames with a choice in which the person is another than in the frame before: by track number, or
            without one by joints that are a quarter of the crop's height away on average.
    """

    chosen: list[Person]
    not_best: list[Frame]
    changed: list[Frame]


def follow(frames: Sequence[Frame], persons: Sequence[Sequence[Person]], crop: Callable[[Frame], Crop]) -> Followed:
    """Choose the person of each frame.

    Args:
        frames: of one tracklet in time order, those with a person.
        persons: of each frame, at least one.
        crop: called for frames of tracklets in which there is a choice.
    """
    if all(len(found) == 1 for found in persons):
        return Followed([found[0] for found in persons], [], [])
    crops = [crop(frame) for frame in frames]
    rivals = [_without_doubles(found, place.height) for found, place in zip(persons, crops, strict=True)]
    costs = [np.array([_from_middle(p, place) for p in found]) for found, place in zip(rivals, crops, strict=True)]
    total = costs[0]
    before: list[np.ndarray] = []
    for t in range(1, len(frames)):
        step = np.array([[_between(a, b, crops[t].height) for a in rivals[t - 1]] for b in rivals[t]])
        sums = step + total
        before.append(sums.argmin(axis=1))
        total = sums.min(axis=1) + costs[t]
    path = [int(total.argmin())]
    for choice in reversed(before):
        path.append(int(choice[path[-1]]))
    path.reverse()
    chosen = [found[place] for found, place in zip(rivals, path, strict=True)]
    not_best = [
        frame
        for frame, found, one in zip(frames, persons, chosen, strict=True)
        if one.rank < max(p.rank for p in found)
    ]
    changed = [
        frames[t]
        for t in range(1, len(frames))
        if len(persons[t - 1]) + len(persons[t]) > 2 and _is_another(chosen[t - 1], chosen[t], crops[t].height)
    ]
    return Followed(chosen, not_best, changed)


def _without_doubles(found: Sequence[Person], height: float) -> list[Person]:
    """The persons from the best to the worst, without those that are a better one found again."""
    kept: list[Person] = []
    for person in sorted(found, key=lambda person: person.rank, reverse=True):
        if all(_is_tracked(person, other) or _apart(other, person, height) > _TWICE for other in kept):
            kept.append(person)
    return kept


def _is_tracked(one: Person, other: Person) -> bool:
    return one.track is not None and other.track is not None


def _from_middle(person: Person, crop: Crop) -> float:
    found = person.joints[person.joints[:, 2] > 0, :2]
    return float(np.hypot(*(found.mean(axis=0) - (crop.x, crop.y)))) / crop.height if len(found) else 1.0


def _between(before: Person, now: Person, height: float) -> float:
    if not _is_tracked(before, now):
        return _apart(before, now, height)
    return 0.0 if before.track == now.track else _ANOTHER_TRACK + _apart(before, now, height)


def _apart(before: Person, now: Person, height: float) -> float:
    """Mean distance of the joints both have, in heights of the crop; one height where they share none."""
    both = (before.joints[:, 2] > 0) & (now.joints[:, 2] > 0)
    steps = now.joints[both, :2] - before.joints[both, :2]
    return float(np.hypot(steps[:, 0], steps[:, 1]).mean()) / height if len(steps) else 1.0


def _is_another(before: Person, now: Person, height: float) -> bool:
    if _is_tracked(before, now):
        return before.track != now.track
    return _apart(before, now, height) > _JUMP
