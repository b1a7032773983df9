"""The five index files of HITSZ-VCM: name lists, track lists and query numbers (method, section "Data on disk").

A name `0015M1D2T1F7.jpg` (identity, modality 1 = infrared else visible, camera, tracklet, frame) is the file
`0015/ir/D2/7.jpg`; the tracklet number is not part of the path. The suffix may be `.jpeg` or `.png` as well, in any
case, and another one on disk. A track line is `modality first last identity camera` with 1-based, inclusive positions
in the name list.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from star.data.folder import Folder
from star.data.text import read_text
from star.errors import DataError
from star.types import Modality, Tracklet

INDEX_FILES = ("train_name.txt", "test_name.txt", "track_train_info.txt", "track_test_info.txt", "query_IDX.txt")
_NAME = re.compile(r"^(\d{1,18})M(\d)D(\d{1,18})T\d+F(\d{1,18})\.(?i:jpe?g|png)$", re.ASCII | re.MULTILINE)
_NUMBER = re.compile(r"[0-9]{1,18}")  # what fits an int64
_DIGITS = " (numbers of at most 18 digits, 0 to 9)"
_INFRARED = 1


class NameList(NamedTuple):
    """A parsed name list.

    Attributes:
        path: the file.
        names: as they stand in the file.
        keys: the same frames as `<identity>/<ir|rgb>/D<camera>/<frame>`.
        identities, modalities, cameras, frames: [n] int64, the numbers in the names.
    """

    path: Folder
    names: list[str]
    keys: list[str]
    identities: np.ndarray
    modalities: np.ndarray
    cameras: np.ndarray
    frames: np.ndarray

    @property
    def suffix(self) -> str:
        """Of the first name, with its dot."""
        return "." + self.names[0].rpartition(".")[2]


class TrackList(NamedTuple):
    """The tracklets of one track list and what is odd about them.

    Attributes:
        path: the file.
        tracklets: in the order of the file, none left out.
        notes: oddities a user should know.
    """

    path: Folder
    tracklets: list[Tracklet]
    notes: list[str]


def read_names(path: Folder) -> NameList:
    """Parse `train_name.txt` or `test_name.txt`.

    Raises:
        DataError: the file is missing or empty, a line is not a name, or two names differ in their suffix alone; gives
            file and line.
    """
    names = read_lines(path)
    parts = _NAME.findall("\n".join(names))
    if len(parts) != len(names):
        number, name = next((n, name) for n, name in enumerate(names, 1) if not _NAME.fullmatch(name))
        raise DataError(f"{path}:{number}: given {_shown(name)}, expected a name like 0015M1D2T1F7.jpg{_DIGITS}")
    keys = [f"{identity}/{'ir' if m == '1' else 'rgb'}/D{camera}/{frame}" for identity, m, camera, frame in parts]
    _one_suffix_each(path, names)
    numbers = (np.fromiter((int(part[place]) for part in parts), np.int64, len(parts)) for place in range(4))
    return NameList(path, names, keys, *numbers)


def read_tracks(path: Folder, names: NameList) -> TrackList:
    """Parse `track_train_info.txt` or `track_test_info.txt` against its name list.

    Raises:
        DataError: the file is missing or empty, a line is malformed or points outside the name list, or the names
            of a line are of another identity or modality; gives file and line.
    """
    tracklets: list[Tracklet] = []
    other_camera: list[int] = []
    unordered: list[int] = []
    uses = np.zeros(len(names.keys), np.int64)
    for number, line in enumerate(read_lines(path), 1):
        where = f"{path}:{number}"
        code, first, last, identity, camera = _integers(line, where)
        if not 1 <= first <= last <= len(names.keys):
            raise DataError(
                f"{where}: given frames {first} to {last}, expected positions between 1 and {len(names.keys)} "
                f"(the lines of {names.path.name}), the first not after the last"
            )
        rows = slice(first - 1, last)
        modality = _modality(code)
        _agree(names, rows, names.identities[rows] == identity, f"{where}: the track is of identity {identity}")
        same_modality = (names.modalities[rows] == _INFRARED) == (modality == "infrared")
        _agree(names, rows, same_modality, f"{where}: the track is {modality} (modality {code})")
        if (names.cameras[rows] != camera).any():
            other_camera.append(number)
        if (np.diff(names.frames[rows]) <= 0).any():
            unordered.append(number)
        uses[rows] += 1
        tracklets.append(Tracklet(identity, camera, modality, tuple(names.keys[rows])))
    notes = []
    if len(set(tracklets)) == len(tracklets) and (uses > 1).any():
        notes.append(
            f"{path.name}: {(uses > 1).sum()} frames are in more than one track (first: "
            f"{names.names[int(np.argmax(uses > 1))]})"
        )
    if (uses == 0).any():
        notes.append(
            f"{(uses == 0).sum()} frames of {names.path.name} are in no track of {path.name} (first: line "
            f"{int(np.argmax(uses == 0)) + 1})"
        )
    if unordered:
        notes.append(
            f"{path.name}: in {len(unordered)} tracks the frame numbers do not rise (first: line {unordered[0]}); they "
            "are taken in the order of the list"
        )
    if other_camera:
        notes.append(
            f"{path.name}: {len(other_camera)} tracks give another camera than their frames (first: line "
            f"{other_camera[0]}); the camera of the track is used"
        )
    return TrackList(path, tracklets, notes)


def repetitions(names: NameList, tracks: TrackList) -> list[str]:
    """Notes on frames and tracks that are listed more than once; they are used as often."""
    notes = []
    for path, listed, what in ((names.path, names.keys, "frames"), (tracks.path, tracks.tracklets, "tracks")):
        lines: dict[object, int] = {}
        again = [number for number, entry in enumerate(listed, 1) if lines.setdefault(entry, number) != number]
        if again:
            before = lines[listed[again[0] - 1]]
            notes.append(
                f"{path.name}: {len(again)} {what} are listed again (first: line {again[0]}, as line {before})"
            )
    return notes


def read_query_numbers(path: Folder, tracks: TrackList) -> list[int]:
    """Parse `query_IDX.txt`: 1-based track numbers, on one line or several.

    Returns:
        0-based positions in the test track list, in the order of the file.

    Raises:
        DataError: the file is missing or empty, or a number is malformed, out of range, given twice or of a visible
            track; gives file and line.
    """
    count = len(tracks.tracklets)
    positions: dict[int, None] = {}
    for number, line in enumerate(read_lines(path), 1):
        for word in line.split():
            where = f"{path}:{number}"
            if not is_number(word):
                raise DataError(f"{where}: given {word!r}, expected track numbers between 1 and {count}{_DIGITS}")
            position = int(word) - 1
            if not 0 <= position < count:
                raise DataError(
                    f"{where}: given query track {word}, expected a number between 1 and {count} "
                    f"(the lines of {tracks.path.name})"
                )
            if position in positions:
                raise DataError(f"{where}: query track {word} is given twice, expected each once")
            if tracks.tracklets[position].modality != "infrared":
                raise DataError(f"{where}: query track {word} is visible, expected infrared queries")
            positions[position] = None
    return list(positions)


def read_lines(path: Folder, expected: Sequence[str] = INDEX_FILES) -> list[str]:
    """The lines of an index file without the spaces around them; empty lines at the end are dropped.

    Args:
        path: the file.
        expected: names of the index files, for the message if it is missing.

    Raises:
        DataError: the file is missing, empty or not text; names it.
    """
    try:
        text = read_text(path)
    except FileNotFoundError:
        raise DataError(f"index file {path} is missing; expected {', '.join(expected)} beside it") from None
    except OSError as error:
        raise DataError(f"index file {path} cannot be read: {error.strerror}") from error
    if not text.strip():
        raise DataError(f"index file {path} is empty")
    return [line.strip() for line in text.rstrip().split("\n")]


def _one_suffix_each(path: Folder, names: list[str]) -> None:
    """Refuse `7.jpg` and `7.png` in one list: a data set has one suffix, so they would be one file read twice."""
    if len({name.rpartition(".")[2] for name in names}) == 1:
        return
    lines: dict[str, int] = {}
    for number, name in enumerate(names, 1):
        before = names[lines.setdefault(name.rpartition(".")[0], number) - 1]
        if before != name:
            raise DataError(
                f"{path}:{number}: given {name}, and {before} before; they differ in their suffix alone, expected one "
                "file of each name"
            )


def is_number(word: str) -> bool:
    """Whether a word of an index file is a number from 0: ASCII digits, no more than an int64 has room for."""
    return _NUMBER.fullmatch(word) is not None


def _shown(line: str) -> str:
    return repr(line) if line.strip() else "an empty line"


def _integers(line: str, where: str) -> list[int]:
    words = line.split()
    if len(words) != 5 or not all(map(is_number, words)):
        expected = f"five numbers: modality first last identity camera{_DIGITS}"
        raise DataError(f"{where}: given {_shown(line)}, expected {expected}")
    return [int(word) for word in words]


def _modality(code: int) -> Modality:
    return "infrared" if code == _INFRARED else "visible"


def _agree(names: NameList, rows: slice, same: np.ndarray, claim: str) -> None:
    if not same.all():
        row = rows.start + int(np.argmin(same))
        raise DataError(f"{claim}, but its frame {row + 1} is {names.names[row]} ({names.path}:{row + 1})")
