"""The frame of the index each image of a source is; names that are not sure are refused."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from star.errors import DataError
from star.pose.frame_list import FrameList
from star.pose.importers.frame_names import Frame, FrameNames, number_of, shifted
from star.pose.importers.result import EmptyFile, ImageResult, Person
from star.pose.importers.summary import NAMED, Named


class Matched(NamedTuple):
    """What became of the images of a source.

    Attributes:
        persons: all persons of each frame in which somebody was found.
        where: file and entry of each frame's result.
        nobody: frames whose result holds nobody.
        bodiless: frames whose result holds persons without a joint of the body.
        not_finite: frames of whose persons joints are NaN or infinite.
        unmatched: images that are no frame.
        empty: result files that hold nothing.
    """

    persons: dict[Frame, list[Person]]
    where: dict[Frame, str]
    nobody: list[str]
    bodiless: list[str]
    not_finite: list[str]
    unmatched: list[str]
    empty: list[str]

    def without_result(self, splits: Mapping[str, FrameList]) -> Iterator[str]:
        """Frames of the index the source says nothing of."""
        for split, listed in splits.items():
            yield from (key for key in dict.fromkeys(listed.keys) if Frame(split, key) not in self.where)


def match_results(
    results: Iterator[ImageResult | EmptyFile],
    splits: Mapping[str, FrameList],
    sources: Sequence[Path],
    shift_frames: int = 0,
) -> Matched:
    """Find the frame of every image.

    Args:
        results: one an image.
        splits: the frames of the index.
        sources: for messages.
        shift_frames: added to the number at the end of every image's name.

    Raises:
        DataError: an image may be several frames, two results are of one frame, no image is a frame with a person, or
            the images are counted from 0.
    """
    names = FrameNames(splits)
    matched = Matched({}, {}, [], [], [], [], [])
    ambiguous: dict[str, list[Frame]] = {}
    firsts: set[Frame] = set()
    numbers: dict[tuple[str, Path], _Numbers] = {}
    for result in results:
        if isinstance(result, EmptyFile):
            matched.empty.append(str(result.path))
            continue
        image = shifted(result.image, shift_frames)
        frames = names.find(image, result.folder)
        folder = result.image.replace("\\", "/").rpartition("/")[0]
        numbers.setdefault((folder, result.folder), _Numbers(set(), set())).add(image, frames)
        if len(frames) > 1:
            ambiguous[result.image] = frames
        elif frames:
            _take(frames[0], result, matched)
        else:
            matched.unmatched.append(result.image)
            if number_of(image) == 0:
                firsts.update(names.find(shifted(result.image, shift_frames + 1), result.folder))
    given = ", ".join(map(str, sources))
    if ambiguous:
        raise DataError(f"{given}: {_ambiguous(ambiguous)}")
    if firsts and _is_counted_from_0(firsts, matched, splits):
        raise DataError(
            f"{given}: images are counted from 0 and frames from 1: each of {len(firsts):,} folders has an image 0 "
            f"that is no frame (first {min(firsts).key.rpartition('/')[0]}) and lacks its last frame; give "
            f"shift_frames={shift_frames + 1}"
        )
    if counted := _counted_by_place(numbers.values(), splits):
        raise DataError(f"{given}: {counted}")
    if not matched.persons:
        raise DataError(f"{given}: {_nothing(matched, splits)}")
    return matched


class _Numbers(NamedTuple):
    """The images of one folder of a source: their numbers, and the tracklets' folders their frames are in."""

    given: set[int]
    places: set[tuple[str, str]]

    def add(self, image: str, frames: Sequence[Frame]) -> None:
        number = number_of(image)
        if number is not None:
            self.given.add(number)
        self.places.update((frame.split, frame.key.rpartition("/")[0]) for frame in frames)


def _counted_by_place(folders: Iterable[_Numbers], splits: Mapping[str, FrameList]) -> str:
    """What to say where images are numbered through though the frames of their folder begin later; else nothing."""
    frames: dict[tuple[str, str], set[int]] = {}
    for split, listed in splits.items():
        for key in listed.keys:
            frames.setdefault((split, key.rpartition("/")[0]), set()).add(_number(Frame(split, key)))
    for folder in folders:
        if len(folder.places) != 1 or not folder.given:
            continue
        (place,) = folder.places
        own = frames[place]
        if max(folder.given) <= len(own) < max(own) and folder.given - own and 0 not in own:
            return (
                f"the images of {place[1]} are numbered {min(folder.given)} to {max(folder.given)} and its "
                f"{len(own)} frames {min(own)} to {max(own)}: by their place in the tracklet, as in a video; run the "
                f"pose program on the frames' files, or name the images like them ({min(own)}.jpg is the first)"
            )
    return ""


def _take(frame: Frame, result: ImageResult, matched: Matched) -> None:
    if frame in matched.where:
        raise DataError(f"frame {frame.key} is given twice, expected once: {matched.where[frame]}; {result.where}")
    matched.where[frame] = result.where
    if result.bodiless:
        matched.bodiless.append(frame.key)
    if any(person.not_finite for person in result.persons):
        matched.not_finite.append(frame.key)
    if result.persons:
        matched.persons[frame] = result.persons
    else:
        matched.nobody.append(frame.key)


def _is_counted_from_0(firsts: set[Frame], matched: Matched, splits: Mapping[str, FrameList]) -> bool:
    """Whether every folder with a result has a surplus image 0 and none for its last frame."""
    lasts: dict[tuple[str, str], Frame] = {}
    for split, listed in splits.items():
        for key in listed.keys:
            place = (split, key.rpartition("/")[0])
            lasts[place] = max(lasts.get(place, Frame(split, key)), Frame(split, key), key=_number)
    begun = {(frame.split, frame.key.rpartition("/")[0]) for frame in firsts}
    folders = {(frame.split, frame.key.rpartition("/")[0]) for frame in matched.where}
    return folders <= begun and all(lasts[place] not in matched.where for place in begun)


def _number(frame: Frame) -> int:
    number = number_of(frame.key)
    return -1 if number is None else number


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
    if matched.empty and not matched.unmatched and not matched.nobody:
        return f"every result file is empty ({Named.of(matched.empty)}), expected results"
    if matched.nobody:
        return f"nobody was found in any of {len(matched.nobody):,} frames"
    listed = next(iter(splits.values()))
    expected = " or ".join([*listed.keys[:1], *listed.names[:1]])
    return f"no image is a frame of the index; given {Named.of(matched.unmatched)}; expected names such as {expected}"
