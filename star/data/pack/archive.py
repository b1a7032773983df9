"""The ZIP archive of a pack: stored records that follow each other from the first byte on, and the directory.

A record is complete or it is cut off by the end of the file, so a killed writer leaves a prefix that can be continued.
Times are 1980-01-01, so that equal content gives equal bytes. The comment of the archive is a hash of its directory,
which has the checksums of all records and hence stands for the whole file.
"""

from __future__ import annotations

import hashlib
import io
import os
import struct
import zlib
from collections.abc import Sequence
from zipfile import ZipFile, ZipInfo

_FIXED_LENGTH = 30  # of a header without name and extra field
_SIZE, _SIZE_PLACE = struct.Struct("<L"), 22
_FRAME_SIZE = struct.Struct("<2H2L")
_FRAME_SIZE_ID = 0x7453  # private: height and width of the frame before it was packed
_UNIX, _UNIX_FILE = 3, 0o100644 << 16


def make_record(name: str, size: int, crc32: int, start: int, frame_size: tuple[int, int] = (0, 0)) -> ZipInfo:
    """What the archive knows of one of its files; `FileHeader` of it gives the bytes before the data.

    Args:
        name: path in the data set.
        size: of the data, bytes.
        crc32: of the data.
        start: offset of the header.
        frame_size: (height, width) of a frame before it was packed; (0, 0) of others and of what cannot be decoded.
    """
    record = ZipInfo(name)
    record.create_system, record.external_attr = _UNIX, _UNIX_FILE
    record.extra = _FRAME_SIZE.pack(_FRAME_SIZE_ID, 8, *frame_size)
    record.header_offset, record.CRC, record.file_size, record.compress_size = start, crc32, size, size
    return record


def frame_size(record: ZipInfo) -> tuple[int, int]:
    """As `make_record` was told."""
    height, width = _FRAME_SIZE.unpack(record.extra[-_FRAME_SIZE.size :])[2:]
    return height, width


def data_start(record: ZipInfo) -> int:
    """Offset of the data."""
    return record.header_offset + _header_length(record.filename)


def data_end(record: ZipInfo) -> int:
    """Offset of the byte after the record."""
    return data_start(record) + record.file_size


def read_record(file: int, name: str, start: int) -> tuple[ZipInfo, bytes] | None:
    """The record at `start` and its data, where checksum and every byte of the header are right.

    Args:
        file: descriptor, open for reading.
        name: that the record has.
        start: offset of its header.

    Returns:
        None if the record is cut off or damaged, or of another name.
    """
    header = os.pread(file, _header_length(name), start)
    if len(header) < _header_length(name):
        return None
    (size,), sides = _SIZE.unpack_from(header, _SIZE_PLACE), _FRAME_SIZE.unpack(header[-_FRAME_SIZE.size :])[2:]
    data = os.pread(file, size, start + len(header))
    record = make_record(name, len(data), zlib.crc32(data), start, sides)
    return (record, data) if record.FileHeader() == header else None


def directory_hash(records: Sequence[ZipInfo]) -> str:
    """SHA-256 of names, places and checksums."""
    digest = hashlib.sha256()
    for record in records:
        digest.update(f"{record.filename} {record.header_offset} {record.file_size} {record.CRC}\n".encode())
    return digest.hexdigest()


def encode_directory(records: Sequence[ZipInfo], start: int) -> bytes:
    """The directory of all records and the end of the archive.

    Args:
        records: all, in the order they were written.
        start: offset of the directory.
    """
    file = _FileEnd(start)
    with ZipFile(file, "w") as archive:
        archive.infolist().extend(records)
        archive.comment = directory_hash(records).encode()
    return file.getvalue()


def _header_length(name: str) -> int:
    return _FIXED_LENGTH + len(name.encode()) + _FRAME_SIZE.size


class _FileEnd(io.BytesIO):
    """Memory for what is written to a file from `start` on."""

    def __init__(self, start: int):
        super().__init__()
        self._start = start

    def tell(self) -> int:
        return self._start + super().tell()

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        return super().seek(offset - self._start, whence)
