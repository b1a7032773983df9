"""The whole index of BUPTCampus, its files compared with each other, and the files of its frames."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from operator import lt
from pathlib import Path

from star.data.bupt_lists import (
    AUXILIARY_FILE,
    FOLDERS,
    INDEX_FILES,
    KEY_FOLDERS,
    PATHS_FILE,
    TEST_FILES,
    TRAIN_FILES,
    FrameTable,
    TrackLine,
    read_track_lines,
)
from star.data.folder import Folder, list_files
from star.data.frame_suffix import USUAL, stored_suffix
from star.data.frames import read_frame_file
from star.data.pack.pack_folder import PackFolder
from star.errors import DataError
from star.types import Modality, Tracklet

FRAMES_FOLDER = "DATA"
CAMERAS = {"LS3": 0, "G25": 1, "CQ1": 2, "W4": 3, "TSG1": 4, "TSG2": 5}
"""Numbers of the cameras, as the official code gives them."""

_FAKE = "FakeIR"


@dataclass(frozen=True)
class CampusFrames:
    """The frames of BUPTCampus as files.

    Attributes:
        path: the folder `DATA`.
        visible: folder of the visible frames, `RGB` or `FakeIR`.
        suffixes: by key, of the frames that the table does not name `.jpg`.
        stored: by folder and suffix in the table, the suffix of the files, where it is another.
    """

    path: Folder
    visible: str = FOLDERS["visible"]
    suffixes: Mapping[str, str] = field(default_factory=dict)
    stored: Mapping[tuple[str, str], str] = field(default_factory=dict)

    def read(self, key: str) -> bytes:
        """The bytes of the file.

        Raises:
            DataError: the file is missing or cannot be read; names it.
        """
        return read_frame_file(self.path, self.file(key))

    def name(self, key: str) -> str:
        """The file, for messages."""
        return f"{self.path}/{self.file(key)}"

    def file(self, key: str) -> str:
        """The file, below `path`."""
        return f"{self._place(key)}{self.suffix(key)}"

    def suffix(self, key: str) -> str:
        """Of the file, with its dot."""
        stated = self.suffixes.get(key, USUAL)
        return self.stored.get((self._folder(key), stated), stated) if self.stored else stated

    def with_suffixes_of_files(self, keys: Iterable[str]) -> CampusFrames:
        """The same frames with `stored` looked up: of each folder and suffix in the table, the first frame on disk.

        Args:
            keys: of frames with every suffix the table has.
        """
        usual: dict[tuple[str, str], list[str]] = {}
        for key in keys:
            usual.setdefault((self._folder(key), self.suffixes.get(key, USUAL)), []).append(key)
        found = {
            (folder, stated): stored_suffix(self.path, map(self._place, mine), stated)
            for (folder, stated), mine in usual.items()
        }
        return replace(self, stored={place: suffix for place, suffix in found.items() if suffix != place[1]})

    def _folder(self, key: str) -> str:
        return FOLDERS["infrared"] if key.split("/", 2)[1] == KEY_FOLDERS["infrared"] else self.visible

    def _place(self, key: str) -> str:
        identity, _, rest = key.split("/", 2)
        return f"{identity}/{self._folder(key)}/{rest}"


@dataclass(frozen=True)
class CampusIndex:
    """The index files, read.

    Attributes:
        root: the data set's folder.
        tracks: by list file, each tracklet with the line that names it; without the auxiliary list if there is none.
        suffixes: by key, of the frames that the table does not name `.jpg`.
        notes: oddities a user should know.
    """

    root: Folder
    tracks: dict[str, list[tuple[TrackLine, Tracklet]]]
    suffixes: dict[str, str]
    notes: tuple[str, ...]

    @property
    def files(self) -> tuple[Folder, ...]:
        """The index files."""
        return tuple(self.root / file for file in (PATHS_FILE, *self.tracks))

    def frames(self, *, fake_infrared: bool = False) -> CampusFrames:
        """Where the frames are; `fake_infrared` takes the visible ones from `FakeIR`."""
        frames = CampusFrames(self.root / FRAMES_FOLDER, _FAKE if fake_infrared else FOLDERS["visible"], self.suffixes)
        firsts = (tracklet.frames[0] for listed in self.tracks.values() for _, tracklet in listed)
        return frames.with_suffixes_of_files([*self.suffixes, *firsts])

    def keys(self) -> dict[str, list[str]]:
        """The keys of all frames of "train", with the auxiliary set, and of "test", as the skeleton files hold them."""
        return {
            split: list(dict.fromkeys(key for file in files for _, t in self.tracks.get(file, ()) for key in t.frames))
            for split, files in (("train", TRAIN_FILES), ("test", TEST_FILES))
        }


def read_index(root: Folder | str | None) -> CampusIndex:
    """Read the lists and the frame table.

    Raises:
        DataError: root is not set or not the folder of the data set, or an index file is missing, malformed or
            contradicts another; names file and line.
    """
    root = _find_root(root)
    table = FrameTable.read(root / PATHS_FILE)
    lists = [file for file in (*TRAIN_FILES, *TEST_FILES) if file != AUXILIARY_FILE or (root / file).is_file()]
    lines = {file: read_track_lines(root / file) for file in lists}
    further = sorted({line.camera for listed in lines.values() for line in listed} - CAMERAS.keys())
    cameras = CAMERAS | {name: len(CAMERAS) + number for number, name in enumerate(further)}
    tracks = {
        file: [
            (line, Tracklet(int(line.identity), cameras[line.camera], modality, table.keys(line, modality)))
            for line in listed
            for modality in line.modalities
        ]
        for file, listed in lines.items()
    }
    notes = [f"cameras {', '.join(further)} are none of BUPTCampus ({', '.join(CAMERAS)})"] if further else []
    return CampusIndex(root, tracks, table.suffixes, tuple(notes + _oddities(tracks)))


def missing_files(frames: CampusFrames, tracks: Sequence[tuple[TrackLine, Tracklet]]) -> list[str]:
    """A note on frames the table names and the disk does not have.

    Raises:
        DataError: a tracklet has none of its frames on disk.
    """
    folders: dict[str, set[str]] = {}
    missing = named = 0
    first = ""
    for line, tracklet in tracks:
        folder = frames.file(tracklet.frames[0]).rpartition("/")[0]
        if folder not in folders:
            folders[folder] = set(list_files(frames.path / folder))
        start = tracklet.frames[0].rindex("/") + 1
        there = folders[folder]
        absent = [key for key in tracklet.frames if key[start:] + frames.suffix(key) not in there]
        if len(absent) == len(tracklet.frames):
            raise DataError(
                f"{line.where}: none of the {len(absent)} frames of this {tracklet.modality} tracklet is on disk, "
                f"first {frames.name(absent[0])}"
            )
        named += len(tracklet.frames)
        missing += len(absent)
        first = first or (f"{frames.name(absent[0])} ({line.where})" if absent else "")
    return [f"{missing} of {named} frames that {PATHS_FILE} names are not on disk, first {first}"] if missing else []


def _find_root(root: Folder | str | None) -> Folder:
    if isinstance(root, PackFolder):
        return root
    expected = f"the folder with {FRAMES_FOLDER} and {', '.join(INDEX_FILES)}"
    if root is None or not str(root):
        raise DataError(f"dataset.root is not set: expected {expected}; give dataset.root=<folder>")
    root = Path(root)
    if not root.is_dir():
        raise DataError(f"dataset.root: given {root}, which is not a folder; expected {expected}")
    missing = [name for name in (FRAMES_FOLDER, *INDEX_FILES) if name != AUXILIARY_FILE and not (root / name).exists()]
    if missing:
        inside = root.name == FRAMES_FOLDER and (root.parent / PATHS_FILE).is_file()
        raise DataError(
            f"dataset.root: given {root}, which has no {', '.join(missing)}; expected {expected}"
            + (f"; give its parent, {root.parent}" if inside else "")
        )
    return root


def _oddities(tracks: dict[str, list[tuple[TrackLine, Tracklet]]]) -> list[str]:
    """What the official code accepts in silence."""
    notes = []
    for file, listed in tracks.items():
        times = Counter(_entry(line, t) for line, t in listed)
        again = len(listed) - len(times)
        if again:
            first = next(line.where for line, t in listed if times[_entry(line, t)] > 1)
            notes.append(f"{file} repeats {again} tracklets, first {first}")
        lengths: dict[str, set[int]] = {}
        for line, t in listed:
            lengths.setdefault(line.where, set()).add(len(t.frames))
        unequal = [where for where, found in lengths.items() if len(found) > 1]
        if unequal:
            notes.append(f"{len(unequal)} pairs have more frames in one modality than in the other, first {unequal[0]}")
    people = {file: {t.identity for _, t in listed} for file, listed in tracks.items()}
    for one, other in (("train.txt", AUXILIARY_FILE), *((a, b) for a in TRAIN_FILES for b in TEST_FILES)):
        shared = people.get(one, set()) & people.get(other, set())
        if shared:
            shown = ", ".join(map(str, sorted(shared)[:10]))
            notes.append(f"{len(shared)} identities are both in {one} and in {other}: {shown}")
    queries, gallery = ({_entry(line, t): line.where for line, t in tracks[file]} for file in TEST_FILES)
    if both := [entry for entry in queries if entry in gallery]:
        notes.append(
            f"{len(both)} tracklets are both queries and in the gallery, first {queries[both[0]]} and "
            f"{gallery[both[0]]}"
        )
    return notes + _odd_frames(tracks)


def _odd_frames(tracks: dict[str, list[tuple[TrackLine, Tracklet]]]) -> list[str]:
    """Notes on frames that are used more than once, or in an order their names contradict."""
    entries = {_entry(line, t): (line.where, t.frames) for listed in tracks.values() for line, t in listed}
    again, unordered = [], []
    seen: set[str] = set()
    shared: dict[str, str] = {}
    for where, frames in entries.values():
        if len(set(frames)) < len(frames):
            again.append(where)
        elif not _rise(frames):
            unordered.append(where)
        for key in seen.intersection(frames):
            shared.setdefault(key, where)
        seen.update(frames)
    notes = []
    if again:
        notes.append(f"{len(again)} tracklets have a frame more than once in {PATHS_FILE}, first that of {again[0]}")
    if unordered:
        notes.append(
            f"in {len(unordered)} tracklets the frame numbers do not rise in {PATHS_FILE}, first in that of "
            f"{unordered[0]}; they are taken in the order of the file"
        )
    if shared:
        key = min(shared)
        one = next(where for where, frames in entries.values() if key in frames)
        notes.append(f"{len(shared)} frames are in more than one tracklet, such as {key} of {one} and {shared[key]}")
    return notes


def _rise(frames: Sequence[str]) -> bool:
    """Whether the numbers at the end of the names rise; true where a name has none."""
    words = [key.rpartition("/")[2].rpartition("_")[2] for key in frames]
    if not all(map(str.isdecimal, words)):
        return True
    numbers = list(map(int, words))
    return all(map(lt, numbers, numbers[1:]))


def _entry(line: TrackLine, tracklet: Tracklet) -> tuple[str, Modality, str, str]:
    """Where the table has a tracklet."""
    return line.identity, tracklet.modality, line.camera, line.tracklet
