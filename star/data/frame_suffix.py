"""Suffix of a data set's frame files, found from the files themselves."""

from __future__ import annotations

from collections.abc import Iterable

from star.data.folder import Folder, has_suffix, list_files

USUAL = ".jpg"
SUFFIXES = (".jpg", ".jpeg", ".png")
"""Of frames, in any case."""


def stored_suffix(folder: Folder, frames: Iterable[str], stated: str = USUAL) -> str:
    """The suffix of the first frame that is found; one for all, as a data set is written by one program.

    Args:
        folder: of the frames.
        frames: their paths below it, without suffix.
        stated: by the index; wins where a frame is there with several suffixes, and stands where none is found.
    """
    listed: dict[str, dict[str, list[str]]] = {}
    for frame in frames:
        place, _, name = frame.rpartition("/")
        if place not in listed:
            listed[place] = _suffixes(folder / place if place else folder)
        if found := listed[place].get(name):
            return stated if stated in found else min(found)
    return stated


def same_frame(folder: Folder, frame: str) -> list[str]:
    """Files of a frame with whatever suffix, below the folder."""
    place, _, name = frame.rpartition("/")
    found = _suffixes(folder / place if place else folder).get(name, [])
    return [f"{frame}{suffix}" for suffix in sorted(found)]


def _suffixes(folder: Folder) -> dict[str, list[str]]:
    suffixes: dict[str, list[str]] = {}
    for file in list_files(folder):
        if has_suffix(file, *SUFFIXES):
            stem, dot, suffix = file.rpartition(".")
            suffixes.setdefault(stem, []).append(dot + suffix)
    return suffixes
