"""Joints already estimated, on disk beside the files they will become, so that a run that was killed loses none.

A folder in `out` holds a description of what is being made and part files. Every worker appends to a part file of its
own, one record a frame in one write, each with a checksum; so the tail of a file whose writer was killed, or a record
that fell victim to a full disk, is noticed and that frame is estimated again.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from star.data.skeleton_stores import SHAPE
from star.errors import DataError

FOLDER = ".star-skeletons"
_DESCRIPTION = "making.json"
_RECORD = np.dtype([("split", "<u4"), ("row", "<u4"), ("joints", "<f4", SHAPE), ("checksum", "<u4")])
_CHECKED = _RECORD.itemsize - 4


class Parts:
    """The part files of one making of skeletons.

    Args:
        out: folder of the skeleton files.
        making: all that can change a joint or its place, e.g. estimator, model, name lists.
        overwrite: discard parts of another making.

    Raises:
        DataError: there are parts of another making, or the folder cannot be written.
    """

    def __init__(self, out: Path, making: Mapping[str, str], *, overwrite: bool = False):
        self._folder = out / FOLDER
        description = self._folder / _DESCRIPTION
        older = _read_description(description)
        if older is not None and older != dict(making):
            if not overwrite:
                raise DataError(
                    f"{out} holds skeletons half made with something else: {differences(older, making)}. Give another "
                    "folder as out=, or overwrite=true to discard them"
                )
            self.remove()
        with clear_errors(self._folder):
            self._folder.mkdir(parents=True, exist_ok=True)
            partial = description.with_suffix(".partial")
            partial.write_text(json.dumps(dict(making), indent=1), encoding="utf-8")
            os.replace(partial, description)

    def new_files(self, count: int) -> list[Path]:
        """Names for part files that no earlier run has used."""
        last = max((int(path.stem) for path in self._files()), default=0)
        return [self._folder / f"{last + number:06d}.part" for number in range(1, count + 1)]

    def read(self, frames: list[int]) -> list[tuple[np.ndarray, np.ndarray]]:
        """What is done.

        Args:
            frames: number of frames of each split.

        Returns:
            For each split ([n j 3] float32 joints, [n] bool whether they are there).
        """
        found = [(np.zeros((count, *SHAPE), np.float32), np.zeros(count, bool)) for count in frames]
        for path in self._files():
            for record in _read_records(path):
                if record["split"] < len(found) and record["row"] < len(found[record["split"]][1]):
                    joints, done = found[record["split"]]
                    joints[record["row"]] = record["joints"]
                    done[record["row"]] = True
        return found

    def remove(self) -> None:
        """Delete the folder; renamed first, so that being killed in between leaves no parts without description."""
        discarded = self._folder.with_name(f"{FOLDER}.discarded")
        with clear_errors(self._folder):
            shutil.rmtree(discarded, ignore_errors=True)
            os.replace(self._folder, discarded)
            shutil.rmtree(discarded)

    def _files(self) -> list[Path]:
        return sorted(path for path in self._folder.glob("*.part") if path.stem.isdecimal())


class PartWriter:
    """Appends records to one new part file. A context manager.

    Args:
        path: one of `Parts.new_files`.
    """

    def __init__(self, path: Path):
        self.path = path
        with clear_errors(path):
            self._file = path.open("xb", buffering=0)

    def write(self, split: int, row: int, joints: np.ndarray) -> None:
        """Keep the joints [j 3] of one frame: the split's number, the frame's place in it.

        Raises:
            DataError: the disk is full or the file cannot be written.
        """
        record = np.zeros(1, _RECORD)
        record["split"], record["row"], record["joints"] = split, row, joints
        record["checksum"] = zlib.crc32(record.tobytes()[:_CHECKED])
        data = memoryview(record.tobytes())
        with clear_errors(self.path):
            while data:
                data = data[self._file.write(data) :]

    def __enter__(self) -> PartWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()


@contextmanager
def locked(out: Path) -> Iterator[None]:
    """Keep other processes from making skeletons in the same folder; the system frees it when a process dies.

    Raises:
        DataError: another process is at it, or the folder cannot be made.
    """
    with clear_errors(out):
        out.mkdir(parents=True, exist_ok=True)
        folder = os.open(out, os.O_RDONLY)
    try:
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DataError(f"another star-skeletons is writing into {out}: wait for it or give another out=") from None
        yield
    finally:
        os.close(folder)


@contextmanager
def clear_errors(path: Path) -> Iterator[None]:
    """An OSError as a DataError that names the file and what to do.

    Raises:
        DataError: instead of OSError.
    """
    try:
        yield
    except OSError as error:
        raise DataError(
            f"{path} cannot be written: {error.strerror or error}. What is done is kept: make room or see to its "
            "permissions, then run the same command again"
        ) from error


def differences(older: Mapping[str, str], newer: Mapping[str, str]) -> str:
    """What two descriptions do not share, in words."""
    changed = [key for key in {**older, **newer} if older.get(key) != newer.get(key)]
    return "; ".join(f"{key} was {older.get(key, 'not set')}, now {newer.get(key, 'not set')}" for key in changed)


def _read_description(path: Path) -> dict[str, str] | None:
    """None where nothing was begun; a description that is damaged differs from every other."""
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError):
        return {"description": "damaged"}


def _read_records(path: Path) -> Iterator[np.void]:
    """The records whose checksum is right."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}, skeletons already made, cannot be read: {error.strerror}") from error
    whole = len(data) // _RECORD.itemsize * _RECORD.itemsize
    for start, record in zip(range(0, whole, _RECORD.itemsize), np.frombuffer(data[:whole], _RECORD), strict=True):
        if zlib.crc32(data[start : start + _CHECKED]) == record["checksum"]:
            yield record
