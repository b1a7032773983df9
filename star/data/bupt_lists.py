"""The files of BUPTCampus's index, one at a time: four lists of tracklets and the table of their frames.

Facts from the official code (dyhBUPT/BUPTCampus, dataloader.py and utils.py) and from M3-ReID's reader
(workingcoder/M3-ReID, data/manager.py), which give examples of every file:

* A line of a list is `identity modality camera tracklet`, e.g. `1746 RGB/IR TSG2 1`. `train.txt` and
  `train_auxiliary.txt` name aligned pairs (`RGB/IR`: a visible and an infrared tracklet), `query.txt` and
  `gallery.txt` single tracklets (`RGB` or `IR`).
* `data_paths.json` holds `[identity][modality][camera][tracklet]` = the frames in time order, as paths below `DATA`,
  e.g. `1/IR/CQ1/1_IR_CQ1_1_8535.jpg`.
* `FakeIR` has a frame of the same name for every frame of `RGB`; no index file names it.

Here a frame is the key `<identity>/<ir|rgb>/<camera>/<file name without suffix>`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from sys import intern
from typing import Any, NamedTuple

from star.data.folder import Folder
from star.data.frame_suffix import SUFFIXES, USUAL
from star.data.index import is_number, read_lines
from star.data.text import parse_json, read_text
from star.errors import DataError
from star.types import Modality

PATHS_FILE = "data_paths.json"
AUXILIARY_FILE = "train_auxiliary.txt"
TRAIN_FILES = ("train.txt", AUXILIARY_FILE)
TEST_FILES = ("query.txt", "gallery.txt")
INDEX_FILES = (PATHS_FILE, *TRAIN_FILES, *TEST_FILES)
FOLDERS: dict[Modality, str] = {"visible": "RGB", "infrared": "IR"}
KEY_FOLDERS: dict[Modality, str] = {"visible": "rgb", "infrared": "ir"}
_PAIR = "RGB/IR"


class TrackLine(NamedTuple):
    """One line of a list.

    Attributes:
        where: file and line, for messages.
        identity, camera, tracklet: as they stand in the line.
        modalities: both of a pair, infrared first, or one.
    """

    where: str
    identity: str
    camera: str
    tracklet: str
    modalities: tuple[Modality, ...]


def read_track_lines(path: Folder) -> list[TrackLine]:
    """Parse one of the four lists.

    Raises:
        DataError: the file is missing or empty, or a line is malformed; gives file and line.
    """
    pairs = path.name in TRAIN_FILES
    modalities: dict[str, tuple[Modality, ...]] = (
        {_PAIR: ("infrared", "visible")} if pairs else {folder: (m,) for m, folder in FOLDERS.items()}
    )
    example = f"1746 {_PAIR} TSG2 1" if pairs else "1911 RGB G25 1"
    lines = []
    for number, line in enumerate(read_lines(path, INDEX_FILES), 1):
        words = line.split()
        where = f"{path}:{number}"
        if len(words) != 4 or not is_number(words[0]):
            raise DataError(f"{where}: given {line!r}, expected identity modality camera tracklet, such as {example}")
        identity, modality, camera, tracklet = words
        if modality not in modalities:
            raise DataError(f"{where}: given modality {modality}, expected {' or '.join(modalities)} in {path.name}")
        lines.append(TrackLine(where, identity, camera, tracklet, modalities[modality]))
    return lines


@dataclass
class FrameTable:
    """`data_paths.json`, looked up one tracklet at a time.

    Attributes:
        path: the file.
        entries: its content.
    """

    path: Folder
    entries: Mapping[str, Any]
    _stated: dict[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, path: Folder) -> FrameTable:
        """Read the file.

        Raises:
            DataError: it is missing or no JSON object, or has a key twice; names it.
        """
        try:
            text = read_text(path)
        except FileNotFoundError:
            raise DataError(f"index file {path} is missing; expected {', '.join(INDEX_FILES)} beside it") from None
        except OSError as error:
            raise DataError(f"index file {path} cannot be read: {error.strerror}") from error
        entries = parse_json(text, path, each_once=True)
        if not isinstance(entries, dict) or not entries:
            raise DataError(f"{path}: expected an object with an entry for each identity")
        return cls(path, entries)

    @property
    def suffixes(self) -> dict[str, str]:
        """By key, of the frames looked up so far that it does not name `.jpg`."""
        return {key: suffix for key, suffix in self._stated.items() if suffix != USUAL}

    def keys(self, line: TrackLine, modality: Modality) -> tuple[str, ...]:
        """The keys of the frames of a tracklet, in time order.

        Raises:
            DataError: the table has no such tracklet, or it is empty, or names files of another identity, modality or
                camera, or files that differ in their suffix alone; gives the line of the list.
        """
        files = self._entry(line, modality)
        folder = f"{line.identity}/{FOLDERS[modality]}/{line.camera}/"
        key_folder = f"{line.identity}/{KEY_FOLDERS[modality]}/{line.camera}/"
        keys = []
        for file in files:
            stem, dot, ending = file.removeprefix(folder).rpartition(".")
            suffix = intern(dot + ending)
            if not file.startswith(folder) or not stem or "/" in stem or suffix.lower() not in SUFFIXES:
                raise DataError(f"{line.where}: {self.path} names the frame {file!r}, expected {folder}<name>{USUAL}")
            keys.append(key_folder + stem)
            before = self._stated.setdefault(keys[-1], suffix)
            if before != suffix:
                raise DataError(
                    f"{line.where}: {self.path} names {folder}{stem}{before} and {file}, which differ in their suffix "
                    "alone; expected one file of each name"
                )
        return tuple(keys)

    def _entry(self, line: TrackLine, modality: Modality) -> Sequence[str]:
        entry: Any = self.entries
        steps = {
            "identity": line.identity,
            "modality": FOLDERS[modality],
            "camera": line.camera,
            "tracklet": line.tracklet,
        }
        given: list[str] = []
        for level, name in steps.items():
            if not isinstance(entry, dict) or name not in entry:
                known = ", ".join(list(entry)[:10]) if isinstance(entry, dict) and given else ""
                raise DataError(
                    f"{line.where}: {self.path} has no {level} {name}"
                    + (f" of {'/'.join(given)}" if given else "")
                    + (f" (it has {known})" if known else "")
                )
            entry = entry[name]
            given.append(name)
        if not isinstance(entry, list) or not entry or not all(isinstance(file, str) for file in entry):
            raise DataError(
                f"{line.where}: {self.path} gives no frames for {'/'.join(given)}, expected a list of paths"
            )
        return entry
