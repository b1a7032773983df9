"""Giving each frame of the index its person, and refusing names that are not sure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from star.errors import DataError
from star.pose.frame_list import FrameList
from star.pose.importers.frame_names import Frame, FrameNames
from star.pose.importers.result import ImageResult, Person
from star.pose.importers.summary import NAMED, Named


class Matched(NamedTuple):
    """What became of the images of a source.

    Attributes:
        persons: the best person of each frame.
        where: file and entry of each frame's result.
        nobody: frames whose result holds nobody.
        several: frames whose result holds more than one person.
        unmatched: images that are no frame.
    """

    persons: dict[Frame, Person]
    where: dict[Frame, str]
    nobody: list[str]
    several: list[str]
    unmatched: list[str]

    def without_result(self, splits: Mapping[str, FrameList]) -> Iterator[str]:
        """Frames of the index the source says nothing of."""
        for split, listed in splits.items():
            yield from (key for key in dict.fromkeys(listed.keys) if Frame(split, key) not in self.where)


def match_results(results: Iterator[ImageResult], splits: Mapping[str, FrameList], sources: Sequence[Path]) -> Matched:
    """Find the frame of every image and its best person: the highest score, then the largest, then the first.

    Args:
        results: one an image.
        splits: the frames of the index.
        sources: for messages.

    Raises:
        DataError: an image may be several frames, two results are of one frame, or no image is a frame with a person.
    """
    names = FrameNames(splits)
    matched = Matched({}, {}, [], [], [])
    ambiguous: dict[str, list[Frame]] = {}
    for result in results:
        frames = names.find(result.image)
        if len(frames) > 1:
            ambiguous[result.image] = frames
        elif not frames:
            matched.unmatched.append(result.image)
        else:
            _take(frames[0], result, matched)
    given = ", ".join(map(str, sources))
    if ambiguous:
        raise DataError(f"{given}: {_ambiguous(ambiguous)}")
    if not matched.persons:
        raise DataError(f"{given}: {_nothing(matched, splits)}")
    return matched


def _take(frame: Frame, result: ImageResult, matched: Matched) -> None:
    if frame in matched.where:
        raise DataError(f"frame {frame.key} is given twice, expected once: {matched.where[frame]}; {result.where}")
    matched.where[frame] = result.where
    if not result.persons:
        matched.nobody.append(frame.key)
        return
    if len(result.persons) > 1:
        matched.several.append(frame.key)
    matched.persons[frame] = max(result.persons, key=lambda person: person.rank)


def _ambiguous(images: dict[str, list[Frame]]) -> str:
    shown = [
        f"{image} may be {' or '.join(f'{frame.split} {frame.key}' for frame in frames)}"
        for image, frames in list(images.items())[:NAMED]
    ]
    more = ["..."] if len(images) > NAMED else []
    return (
        f"{len(images):,} names of images may each be several frames ({'; '.join(shown + more)}); expected paths that "
        "end like the frames' (0001/ir/D2/7.jpg, or result files in such folders) or the names of the index "
        "(0001M1D2T1F7.jpg)"
    )


def _nothing(matched: Matched, splits: Mapping[str, FrameList]) -> str:
    if matched.nobody:
        return f"nobody was found in any of {len(matched.nobody):,} frames"
    listed = next(iter(splits.values()))
    expected = " or ".join([*listed.keys[:1], *listed.names[:1]])
    return f"no image is a frame of the index; given {Named.of(matched.unmatched)}; expected names such as {expected}"
