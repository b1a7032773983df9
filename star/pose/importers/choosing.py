"""The choice of one person for every frame, tracklet by tracklet."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import NamedTuple

from star.pose.frame_list import FrameList
from star.pose.importers.continuing import Crop, follow
from star.pose.importers.frame_names import Frame, number_of
from star.pose.importers.result import Person

_LAST_NUMBER = re.compile(r"\d*$")


class Chosen(NamedTuple):
    """One person a frame.

    Attributes:
        persons: of each frame in which somebody was found.
        several: frames with more than one person.
        not_best, changed: see `continuing.Followed`.
    """

    persons: dict[Frame, Person]
    several: list[str]
    not_best: list[str]
    changed: list[str]


def choose_persons(
    persons: Mapping[Frame, list[Person]], splits: Mapping[str, FrameList], crop: Callable[[Frame], Crop]
) -> Chosen:
    """Take the person that continues the track in every frame.

    Args:
        persons: of each frame, at least one.
        splits: the frames of the index.
        crop: see `follow`.
    """
    chosen = Chosen({}, [frame.key for frame, found in persons.items() if len(found) > 1], [], [])
    for frames in _tracklets(splits):
        listed = [frame for frame in frames if frame in persons]
        if listed:
            followed = follow(listed, [persons[frame] for frame in listed], crop)
            chosen.persons.update(zip(listed, followed.chosen, strict=True))
            chosen.not_best.extend(frame.key for frame in followed.not_best)
            chosen.changed.extend(frame.key for frame in followed.changed)
    return chosen


def _tracklets(splits: Mapping[str, FrameList]) -> list[list[Frame]]:
    """Frames whose names in the index, and whose keys, differ by their last number alone, in order of that number."""
    tracklets: dict[tuple[str, str, str], list[Frame]] = {}
    for split, listed in splits.items():
        names = listed.names or listed.keys
        for key, name in dict(zip(listed.keys, names, strict=True)).items():
            stem = name if name == key else name.rpartition(".")[0]
            place = (split, key.rpartition("/")[0], _LAST_NUMBER.sub("", stem))
            tracklets.setdefault(place, []).append(Frame(split, key))
    return [sorted(frames, key=lambda frame: number_of(frame.key) or 0) for frames in tracklets.values()]
