"""A pack, opened for reading: its files by name, its joints by the name of their frame."""

from __future__ import annotations

import hashlib
import io
import json
import os
import struct
import weakref
import zlib
from array import array
from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from sys import intern
from typing import Any
from zipfile import BadZipFile, ZipFile, ZipInfo

import numpy as np

from star.data.pack.archive import data_start, directory_hash
from star.data.pack.earlier import refuse_earlier
from star.errors import DataError
from star.types import VideoReIDData

FORMAT = 2
ABOUT = "star-pack/about.json"
"""The first record: what the pack is of. Then come the frames."""
SKELETONS = "star-pack/skeletons.npy"
PROBLEMS = "star-pack/problems.txt"
_NO_FILES: Mapping[str, int] = {}
_UNREADABLE = (BadZipFile, NotImplementedError, ValueError, OverflowError, struct.error)  # what damage does to zipfile


class Pack:
    """A finished pack; safe to use from several threads.

    Args:
        path: the file.

    Attributes:
        path: the file.
        sha256: hash of its directory, hence of the checksums of all its files.
        about: what it is of, see `star.data.pack.contents`.

    Raises:
        DataError: the file cannot be read, is no pack, is cut or damaged, or of another format.
    """

    def __init__(self, path: Path):
        self.path = path
        try:
            self._file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            weakref.finalize(self, os.close, self._file)
            records = self.records()
        except OSError as error:
            raise DataError(f"pack {path} cannot be read: {error.strerror}") from error
        self.sha256 = directory_hash(records)
        self._offsets = array("Q", map(data_start, records))
        self._sizes = array("Q", (record.file_size for record in records))
        self._checksums = array("I", (record.CRC for record in records))
        self._checked = bytearray(len(records))
        self._rows: dict[str, dict[str, int]] = {}
        for row, record in enumerate(records):
            folder, _, name = record.filename.rpartition("/")
            if record.file_size:
                self._rows.setdefault(folder, {})[intern(name)] = row
        self.about: dict[str, Any] = json.loads(self.read(ABOUT))
        if self.about["format"] != FORMAT:
            raise DataError(f"pack {path} has format {self.about['format']}, expected {FORMAT}; make it anew")

    def records(self) -> list[ZipInfo]:
        """The records, in the order of the file.

        Raises:
            OSError: the file cannot be read.
            DataError: it is no pack, of an earlier format, or its directory is cut or damaged.
        """
        refuse_earlier(self._file, self.path)
        try:
            with open(self._file, "rb", closefd=False) as file, ZipFile(file) as archive:
                records = archive.infolist()
                file.seek(-len(directory_hash(())), os.SEEK_END)
                end = file.read()
        except _UNREADABLE:
            records, end = [], b""
        if not records or records[0].filename != ABOUT or end != directory_hash(records).encode():
            raise DataError(f"{self.path} is no pack, or one that is cut or damaged; copy it again, or make it anew")
        return records

    @property
    def frames(self) -> int:
        """How many it has, with those that cannot be decoded."""
        return self.about["frames"]

    @property
    def problems(self) -> list[str]:
        """Messages of the frames that cannot be decoded."""
        return [] if self.find(PROBLEMS) is None else self.read(PROBLEMS).decode().splitlines()

    def find(self, name: str) -> int | None:
        """The number of a file; None if there is none of this name, or it is empty."""
        folder, _, file = name.rpartition("/")
        return self._rows.get(folder, _NO_FILES).get(file)

    def files(self, folder: str) -> list[str]:
        """Names of the files in a folder."""
        return list(self._rows.get(folder, _NO_FILES))

    def has_folder(self, folder: str) -> bool:
        """Whether there are files in a folder or below it."""
        return folder in self._rows or any(other.startswith(f"{folder}/") for other in self._rows)

    def read(self, name: str) -> bytes:
        """The bytes of a file; their checksum is compared the first time this object reads it.

        Raises:
            DataError: there is no such file, it is damaged, or the pack cannot be read; names pack and file.
        """
        row = self.find(name)
        if row is None:
            raise DataError(f"{self.path}/{name} is missing: the pack has no such file, or an empty one")
        size = self._sizes[row]
        try:
            data = os.pread(self._file, size, self._offsets[row])
        except OSError as error:
            raise DataError(f"{self.path}/{name} cannot be read: {error.strerror}") from error
        if not self._checked[row] or len(data) != size:
            if zlib.crc32(data) != self._checksums[row]:
                raise DataError(f"{self.path}/{name} is damaged (checksum); copy the pack again or make it anew")
            self._checked[row] = 1
        return data

    def read_bytes(self, start: int, end: int) -> bytes:
        """Any bytes of the file; fewer where it ends, or nothing where it cannot be read."""
        try:
            return os.pread(self._file, end - start, start)
        except OSError:
            return b""

    def joints(self, name: str) -> np.ndarray | None:
        """[j 3] float32 in pixels of the packed frame `name`; None if it has none. Do not write into it."""
        row = self.find(name)
        found = None if row is None else self._skeletons[row - 1]
        return found["joints"] if found is not None and found["present"] else None

    def restate(self, data: VideoReIDData) -> VideoReIDData:
        """What was read from this pack; resized frames are other data, their protocol and fingerprint say so."""
        for storage, opencv in self.about["resized"]:
            fingerprint = hashlib.sha256(f"{data.fingerprint} {storage} {opencv}".encode()).hexdigest()
            data = replace(data, protocol=f"{data.protocol}, {storage}", fingerprint=fingerprint)
        return data

    @cached_property
    def _skeletons(self) -> np.ndarray:
        return np.load(io.BytesIO(self.read(SKELETONS)), allow_pickle=False)
