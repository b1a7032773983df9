"""A folder of tracklets: every folder in it that holds frames is one tracklet, at any depth.

Hidden ones are passed over: programs keep copies and unfinished work in them. Links are followed, and a folder that
several ways lead to is one tracklet.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from star.data.folder import has_suffix, left_by_others, natural_order
from star.data.frame_suffix import SUFFIXES
from star.data.frames import read_file
from star.errors import DataError
from star.types import Modality, SkeletonStore, Split, Tracklet

UNKNOWN_IDENTITY = -1


@dataclass(frozen=True)
class NamedFrames:
    """Frames whose keys are their paths below a folder, suffix included.

    Attributes:
        path: the folder.
    """

    path: Path

    def read(self, key: str) -> bytes:
        """The bytes of the file; raises DataError, which names it, if it is missing or cannot be read."""
        return read_file(self.path / key)

    def name(self, key: str) -> str:
        """The file, for messages."""
        return str(self.path / key)


def read_tracklets(folder: Path, modality: Modality, skeletons: SkeletonStore | None = None) -> Split:
    """The tracklets of a folder in order of path, their frames in order of name (2 before 10).

    Identity and camera are unknown (-1). The name of a tracklet is `tracklet_name` of it.

    Args:
        folder: with one folder of `.jpg`, `.jpeg` or `.png` frames a tracklet.
        modality: of all.
        skeletons: of the frames, by their keys.

    Raises:
        DataError: the folder is missing or cannot be read, has no tracklet, has frames beside the tracklets or a
            name not in UTF-8.
    """
    if not folder.is_dir():
        raise DataError(f"folder of tracklets {folder} is missing")
    found: list[Tracklet] = []
    for below, names in _folders(folder):
        frames = sorted((n for n in names if has_suffix(n, *SUFFIXES) and not _is_hidden(n)), key=natural_order)
        if not frames:
            continue
        if below == Path():
            raise DataError(
                f"{folder} has frames of its own ({frames[0]}): expected one folder of frames for each tracklet in it"
            )
        try:
            os.fspath(below).encode()
        except UnicodeEncodeError:
            shown = os.fsencode(below).decode(errors="backslashreplace")
            raise DataError(f"{folder}: given folder {shown}, expected a name in UTF-8") from None
        keys = tuple((below / name).as_posix() for name in frames)
        found.append(Tracklet(UNKNOWN_IDENTITY, UNKNOWN_IDENTITY, modality, keys))
    found.sort(key=lambda tracklet: [natural_order(part) for part in tracklet_name(tracklet).split("/")])
    if not found:
        raise DataError(f"{folder} has no tracklet: expected folders with frames ({', '.join(SUFFIXES)}) in it")
    return Split(folder.name, NamedFrames(folder), tuple(found), skeletons)


def tracklet_name(tracklet: Tracklet) -> str:
    """The folder its frames are in."""
    return tracklet.frames[0].rpartition("/")[0]


def _folders(folder: Path) -> Iterator[tuple[Path, list[str]]]:
    """It and those in it, as paths below it, with the names of their files; each once, by its own path if it can."""
    seen: set[str] = set()
    starts = [str(folder)]
    for start in starts:
        for place, folders, names in os.walk(start, onerror=_refuse):
            real = os.path.realpath(place)
            if real in seen:
                folders.clear()
                continue
            seen.add(real)
            folders[:] = [name for name in folders if not _is_hidden(name)]
            starts += [link for name in folders if os.path.islink(link := os.path.join(place, name))]
            yield Path(place).relative_to(folder), names


def _is_hidden(name: str) -> bool:
    return name.startswith(".") or left_by_others(name)


def _refuse(error: OSError) -> None:
    raise DataError(f"folder {error.filename} cannot be read: {error.strerror}") from error
