"""A pack, opened for reading: frames and skeletons by number, and the data sets its views describe."""

from __future__ import annotations

import hashlib
import io
import json
import os
import weakref
import zlib
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from star.data.pack.archive import END_LENGTH, FORMAT, Location, Record, decode_end, is_archive, record_start
from star.data.pack.index import PLAN
from star.errors import DataError
from star.types import MODALITIES, Retrieval, Split, Tracklet, VideoReIDData

_opened: weakref.WeakValueDictionary[tuple[Path, str], Pack] = weakref.WeakValueDictionary()


class Pack:
    """A finished pack; safe to use from several threads, and from processes that open or inherit it.

    Args:
        path: the file.

    Attributes:
        path: the file.
        length: of the file.
        index: where the list of the index parts is.
        about: what is not in a table: plan, problems by frame number, views, places of the parts.
        sha256: hash of the index, hence of the checksums of all frames.

    Raises:
        DataError: the file cannot be read, is no pack, is truncated, or its index is damaged.
    """

    def __init__(self, path: Path):
        self.path = path
        try:
            self._file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            raise DataError(f"pack {path} cannot be read: {error.strerror}") from error
        self._close = weakref.finalize(self, os.close, self._file)
        self.length, self.index = self._index_location()
        listed = self._part("index", self.index)
        self.sha256 = hashlib.sha256(listed).hexdigest()
        self.about: dict[str, Any] = json.loads(listed)
        parts = {name: self._part(name, Location(*place)) for name, place in self.about["parts"].items()}
        self._frames = _array(parts["frames.npy"])
        self._skeletons = _array(parts["skeletons.npy"])
        self._tracklets = _array(parts["tracklets.npy"])
        self._rows = _array(parts["rows.npy"])
        self._members = parts["members.txt"].decode().split("\n")
        self._keys = parts["keys.txt"].decode().split("\n")
        self._offsets, self._sizes, self._checksums = (
            self._frames[field].tolist() for field in ("offset", "size", "crc32")
        )
        self._skeleton_of = self._frames["skeleton"].tolist()
        self._checked = bytearray(len(self._frames))

    def __reduce__(self) -> tuple[Any, ...]:
        return _open_again, (self.path, self.sha256)

    @property
    def kind(self) -> str:
        """Of the data set, as in the configuration."""
        return self.about["plan"]["dataset"]

    @property
    def options(self) -> list[dict[str, Any]]:
        """The options of its views, those it was packed with first."""
        return [view["options"] for view in self.about["views"]]

    def __len__(self) -> int:
        """Frames, those that were left out included."""
        return len(self._frames)

    def name(self, row: int) -> str:
        """A frame in messages."""
        return f"{self.path}/{self._members[row]}"

    def read(self, row: int) -> bytes:
        """The encoded frame; its checksum is compared the first time this object reads it.

        Raises:
            DataError: it was left out, is damaged, or the file cannot be read; names frame and file.
        """
        size = self._sizes[row]
        if not size:
            problem = self.about["problems"].get(str(row), "unknown reason")
            raise DataError(f"frame {self.name(row)} was left out of the pack: {problem}")
        try:
            data = os.pread(self._file, size, self._offsets[row])
        except OSError as error:
            raise DataError(f"frame {self.name(row)} cannot be read: {error.strerror}") from error
        if not self._checked[row] or len(data) != size:
            if zlib.crc32(data) != self._checksums[row]:
                raise DataError(f"frame {self.name(row)} is damaged (checksum); copy the pack again or make it anew")
            self._checked[row] = 1
        return data

    def record(self, row: int) -> Record | None:
        """Where a frame is; None if it was left out."""
        _, size, crc32, height, width, _, _ = self._frames[row].tolist()
        offset, name = self._offsets[row], self._members[row]
        return Record(name, record_start(name, offset), offset, size, crc32, (height, width)) if size else None

    def skeleton(self, row: int) -> np.ndarray | None:
        """[j 3] float32 in pixels of the packed frame; None if the frame has none. Do not write into it."""
        number = self._skeleton_of[row]
        return None if number < 0 else self._skeletons[number]

    def view(self, options: Mapping[str, Any]) -> VideoReIDData:
        """The data set as its reader gave it with these options.

        Raises:
            DataError: the pack has no such view; names the options that differ.
        """
        views = self.about["views"]
        chosen = next((view for view in views if view["options"] == options), None)
        if chosen is None:
            raise DataError(self._no_view(options))
        splits = {name: self._split(name, **split) for name, split in chosen["splits"].items()}
        return VideoReIDData(
            name=chosen["name"],
            protocol=chosen["protocol"],
            train=splits[chosen["train"]],
            test={d: Retrieval(splits[query], splits[gallery]) for d, (query, gallery) in chosen["test"].items()},
            same_camera_filter=chosen["same_camera_filter"],
            notes=tuple(chosen["notes"]),
            fingerprint=chosen["fingerprint"],
        )

    def rows_of(self, source: int) -> dict[str, int]:
        """The number of every frame of one source, by its key."""
        return self._rows_of_sources[source]

    @cached_property
    def _rows_of_sources(self) -> dict[int, dict[str, int]]:
        found: dict[int, dict[str, int]] = {}
        for row, (key, source) in enumerate(zip(self._keys, self._frames["source"].tolist(), strict=True)):
            found.setdefault(source, {})[key] = row
        return found

    @cached_property
    def _all_tracklets(self) -> list[Tracklet]:
        keys = [self._keys[row] for row in self._rows.tolist()]
        return [
            Tracklet(identity, camera, MODALITIES[modality], tuple(keys[first : first + count]))
            for identity, camera, modality, first, count in self._tracklets.tolist()
        ]

    def _split(self, name: str, source: int, skeletons: bool, tracklets: list[int]) -> Split:
        chosen = tuple(self._all_tracklets[number] for number in tracklets)
        store = PackedSkeletons(self, source) if skeletons else None
        return Split(name, PackedFrames(self, source), chosen, store)

    def _no_view(self, options: Mapping[str, Any]) -> str:
        views = self.options
        nearest = min(views, key=lambda view: sum(view.get(key) != value for key, value in options.items()))
        differing = [key for key, value in options.items() if nearest.get(key) != value]
        told = "; ".join(
            f"{key}: given {options[key]}, packed {' or '.join(sorted({str(view.get(key)) for view in views}))}"
            for key in differing
        )
        return (
            f"pack {self.path} does not hold the data set with these options ({told}); give the packed ones, pack "
            "again with yours, or read the folder (dataset.pack=null)"
        )

    def read_bytes(self, start: int, size: int) -> bytes:
        """Any bytes of the file; fewer where it ends, or nothing where it cannot be read."""
        try:
            return os.pread(self._file, max(0, min(size, self.length - start)), start)
        except OSError:
            return b""

    def _index_location(self) -> tuple[int, Location]:
        try:
            length = os.fstat(self._file).st_size
            start = os.pread(self._file, 64, 0)
            end = os.pread(self._file, END_LENGTH, max(0, length - END_LENGTH))
        except OSError as error:
            raise DataError(f"pack {self.path} cannot be read: {error.strerror}") from error
        if not is_archive(start) or PLAN.encode() not in start:
            raise DataError(
                f"{self.path} is no pack: {length} bytes that do not begin like one; give a file of star-pack"
            )
        found = decode_end(end, length)
        if found is None:
            raise DataError(
                f"pack {self.path} is truncated or was changed: its {length} bytes do not end like a pack; copy it "
                "again, or make it anew with star-pack"
            )
        version, location = found
        if version != FORMAT:
            raise DataError(f"pack {self.path} has format {version}, expected {FORMAT}; make it anew with star-pack")
        return length, location

    def _part(self, name: str, place: Location) -> bytes:
        data = self.read_bytes(place.offset, place.size)
        if zlib.crc32(data) != place.crc32 or len(data) != place.size:
            raise DataError(f"pack {self.path} is damaged: checksum of {name}; copy it again, or make it anew")
        return data


class PackedFrames:
    """The frames of one source of a pack, by the keys they had there.

    Args:
        pack: the pack.
        source: its number.
    """

    def __init__(self, pack: Pack, source: int):
        self.path = pack.path
        self._pack = pack
        self._source = source
        self._rows = pack.rows_of(source)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PackedFrames) and (self.path, self._source) == (other.path, other._source)

    def __reduce__(self) -> tuple[Any, ...]:
        return PackedFrames, (self._pack, self._source)

    def __hash__(self) -> int:
        return hash((self.path, self._source))

    def read(self, key: str) -> bytes:
        """The encoded frame, see `Pack.read`; raises DataError for a key the pack does not have as well."""
        row = self._rows.get(key)
        if row is None:
            raise DataError(f"frame {key} is not in pack {self.path}")
        return self._pack.read(row)

    def name(self, key: str) -> str:
        """The frame in messages."""
        row = self._rows.get(key)
        return f"{self.path}/{key}" if row is None else self._pack.name(row)


class PackedSkeletons:
    """The skeletons of one source of a pack.

    Args:
        pack: the pack.
        source: its number.
    """

    def __init__(self, pack: Pack, source: int):
        self.path = pack.path
        self._pack = pack
        self._source = source
        self._rows = pack.rows_of(source)

    def __reduce__(self) -> tuple[Any, ...]:
        return PackedSkeletons, (self._pack, self._source)

    def read(self, key: str) -> np.ndarray | None:
        """[j 3] float32: x, y in pixels of the packed frame, confidence; None if the frame has none."""
        row = self._rows.get(key)
        return None if row is None else self._pack.skeleton(row)


def _open_again(path: Path, sha256: str) -> Pack:
    """The pack in another process, opened once for all its splits."""
    pack = _opened.get((path, sha256))
    if pack is None:
        pack = Pack(path)
        if pack.sha256 != sha256:
            raise DataError(f"pack {path} was replaced while it was in use; start again")
        _opened[path, sha256] = pack
    return pack


def _array(data: bytes) -> np.ndarray:
    return np.load(io.BytesIO(data), allow_pickle=False)
