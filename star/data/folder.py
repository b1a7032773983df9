"""Folders as readers see them: on disk or in a pack, without what other systems leave in them, suffixes in any case."""

from __future__ import annotations

import os
import re
from pathlib import Path, PurePath

from star.data.pack.pack_folder import PackFolder
from star.errors import DataError

Folder = Path | PackFolder

_LEFT_BY_OTHERS = frozenset({"thumbs.db", "ehthumbs.db", "desktop.ini", ".ds_store", "@eadir", "__macosx"})
_APPLE_DOUBLE = "._"
_NUMBER = re.compile(r"(\d+)")


def list_files(folder: Folder) -> list[str]:
    """Names of what is in a folder, but for `left_by_others`; none if there is no such folder.

    Raises:
        DataError: the folder cannot be read.
    """
    if isinstance(folder, PackFolder):
        return folder.files()
    try:
        return [name for name in os.listdir(folder) if not left_by_others(name)]
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise DataError(f"folder {folder} cannot be read: {error.strerror}") from error


def files_below(folder: Path, suffix: str) -> list[Path]:
    """All files of a folder and of those in it whose names end with a suffix, in order of path.

    Args:
        folder: where to look.
        suffix: with its dot, in lower case.

    Raises:
        DataError: a folder cannot be read.
    """
    found: list[Path] = []
    for place, folders, names in os.walk(folder, onerror=_refuse):
        folders[:] = [name for name in folders if not left_by_others(name)]
        found += [Path(place, name) for name in names if has_suffix(name, suffix) and not left_by_others(name)]
    return sorted(path for path in found if path.is_file())


def left_by_others(name: str) -> bool:
    """Whether a file or folder is one that macOS, Windows or a network drive makes (`._7.jpg`, `Thumbs.db`)."""
    return name.startswith(_APPLE_DOUBLE) or name.lower() in _LEFT_BY_OTHERS


def has_suffix(name: str, *suffixes: str) -> bool:
    """Whether a name ends with one of some suffixes (lower case, with dot) and has something before it."""
    return PurePath(name).suffix.lower() in suffixes


def natural_order(name: str) -> tuple[list[tuple[int, int, str]], str]:
    """A key for sorting by which the numbers in a name count as numbers: 2.jpg stands before 10.jpg."""
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in _NUMBER.split(name) if part], name


def _refuse(error: OSError) -> None:
    raise DataError(f"folder {error.filename} cannot be read: {error.strerror}") from error
