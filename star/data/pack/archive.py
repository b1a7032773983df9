"""The archive around a pack: records appended one by one, and the directory that makes them an uncompressed ZIP file.

| part          | content                                                                                             |
|---------------|-----------------------------------------------------------------------------------------------------|
| records       | ZIP local headers with their data: the plan, one record a frame, the parts of the index             |
| directory     | ZIP central directory, for other tools                                                              |
| end           | ZIP end record; its comment says where the last record is, which lists the parts of the index       |

A record is complete or it is cut off by the end of the file, so a killed writer leaves a prefix that can be continued.
Names are UTF-8, times are 1980-01-01, so that equal content gives equal bytes. Format: PKWARE APPNOTE 6.3.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Iterator, Sequence
from typing import NamedTuple

FORMAT = 1
_LOCAL = struct.Struct("<4s5H3L2H")
_SIZE_FIELD = struct.Struct("<2H2L")
_CENTRAL = struct.Struct("<4s6H3L5H2L")
_WIDE_OFFSET = struct.Struct("<2HQ")
_WIDE_END = struct.Struct("<4sQ2H2L4Q")
_WIDE_LOCATOR = struct.Struct("<4sLQL")
_END = struct.Struct("<4s4H2LH")
_LOCAL_SIGNATURE, _CENTRAL_SIGNATURE, _END_SIGNATURE = b"PK\3\4", b"PK\1\2", b"PK\5\6"
_WIDE_END_SIGNATURE, _WIDE_LOCATOR_SIGNATURE = b"PK\6\6", b"PK\6\7"
_PLAIN_VERSION, _WIDE_VERSION = 20, 45
_UTF8 = 0x800
_DATE = 0x21  # 1980-01-01
_UNIX_FILE = 0o100644 << 16
_SIZE_FIELD_ID = 0x7453  # private: height and width of the frame before it was packed
_WIDE_FIELD_ID = 1
_LARGEST, _MOST = 0xFFFFFFFE, 0xFFFE  # larger offsets and more records go into ZIP64 fields,
_ELSEWHERE, _COUNTED_ELSEWHERE = 0xFFFFFFFF, 0xFFFF  # and these stand where they would
_COMMENT = "star-pack {:3d} index {:020d} {:012d} {:08x}"
_COMMENT_LENGTH = len(_COMMENT.format(0, 0, 0, 0))
SIGNATURE_LENGTH = len(_LOCAL_SIGNATURE)
END_LENGTH = _END.size + _COMMENT_LENGTH


class Record(NamedTuple):
    """Where one record is.

    Attributes:
        name: of the archive's member.
        start: offset of its header.
        offset, size: of its data.
        crc32: of its data.
        frame_size: (height, width) of a frame before it was packed; (0, 0) of others.
    """

    name: str
    start: int
    offset: int
    size: int
    crc32: int
    frame_size: tuple[int, int]

    @property
    def end(self) -> int:
        """Offset of the byte after the record."""
        return self.offset + self.size


class Location(NamedTuple):
    """Where the list of the index parts is."""

    offset: int
    size: int
    crc32: int


def record_start(name: str, offset: int) -> int:
    """Where the header of a record begins whose data is at `offset`."""
    return offset - _LOCAL.size - len(name.encode()) - _SIZE_FIELD.size


def encode_record(name: str, data: bytes, start: int, frame_size: tuple[int, int] = (0, 0)) -> tuple[bytes, Record]:
    """The bytes of a record that begins at `start`, and its place."""
    crc32 = zlib.crc32(data)
    encoded = name.encode()
    extra = _SIZE_FIELD.pack(_SIZE_FIELD_ID, 8, *frame_size)
    header = _LOCAL.pack(
        _LOCAL_SIGNATURE, _PLAIN_VERSION, _UTF8, 0, 0, _DATE, crc32, len(data), len(data), len(encoded), len(extra)
    )
    offset = start + len(header) + len(encoded) + len(extra)
    return b"".join((header, encoded, extra, data)), Record(name, start, offset, len(data), crc32, frame_size)


def scan_records(file: int, start: int = 0) -> Iterator[tuple[Record, bytes]]:
    """The whole records of an archive from `start` on; ends at the first that is cut off or damaged.

    Args:
        file: descriptor, open for reading.
        start: offset of a record.
    """
    while True:
        fixed = os.pread(file, _LOCAL.size, start)
        if len(fixed) < _LOCAL.size or not fixed.startswith(_LOCAL_SIGNATURE):
            return
        crc32, size, _, name_length, extra_length = _LOCAL.unpack(fixed)[6:]
        wanted = name_length + extra_length + size
        rest = os.pread(file, wanted, start + _LOCAL.size)
        data = rest[name_length + extra_length :]
        if len(rest) < wanted or extra_length != _SIZE_FIELD.size or zlib.crc32(data) != crc32:
            return
        height, width = _SIZE_FIELD.unpack(rest[name_length : name_length + extra_length])[2:]
        offset = start + _LOCAL.size + name_length + extra_length
        name = rest[:name_length].decode(errors="replace")
        record = Record(name, start, offset, size, crc32, (height, width))
        yield record, data
        start = record.end


def encode_directory(records: Sequence[Record], index: Record, start: int) -> bytes:
    """The directory of all records and the end of the archive.

    Args:
        records: all, in the order they were written.
        index: the one that lists the parts of the index.
        start: offset of the directory.
    """
    parts = []
    for record in records:
        name = record.name.encode()
        wide = record.start > _LARGEST
        extra = _WIDE_OFFSET.pack(_WIDE_FIELD_ID, 8, record.start) if wide else b""
        version = _WIDE_VERSION if wide else _PLAIN_VERSION
        parts += (
            _CENTRAL.pack(
                *(_CENTRAL_SIGNATURE, 3 << 8 | version, version, _UTF8, 0, 0, _DATE, record.crc32, record.size),
                *(record.size, len(name), len(extra), 0, 0, 0, _UNIX_FILE, _ELSEWHERE if wide else record.start),
            ),
            name,
            extra,
        )
    directory = b"".join(parts)
    tail = b""
    count, length, first = len(records), len(directory), start
    if count > _MOST or length > _LARGEST or first > _LARGEST:
        count, length, first = _COUNTED_ELSEWHERE, _ELSEWHERE, _ELSEWHERE
        numbers = (len(records), len(records), len(directory), start)
        made = 3 << 8 | _WIDE_VERSION
        tail = _WIDE_END.pack(_WIDE_END_SIGNATURE, _WIDE_END.size - 12, made, _WIDE_VERSION, 0, 0, *numbers)
        tail += _WIDE_LOCATOR.pack(_WIDE_LOCATOR_SIGNATURE, 0, start + len(directory), 1)
    comment = _COMMENT.format(FORMAT, index.offset, index.size, index.crc32).encode()
    end = _END.pack(_END_SIGNATURE, 0, 0, count, count, length, first, len(comment))
    return directory + tail + end + comment


def decode_end(end: bytes, length: int) -> tuple[int, Location] | None:
    """Format number and place of the index list from the last `END_LENGTH` bytes of an archive.

    Returns:
        None if this is not the end of a pack of this length.
    """
    comment = end[_END.size :].decode(errors="replace").split()
    if not end.startswith(_END_SIGNATURE) or len(comment) != 6 or comment[0] != "star-pack" or comment[2] != "index":
        return None
    size, start = _END.unpack(end[: _END.size])[5:7]
    if start != _ELSEWHERE and start + size + END_LENGTH != length:
        return None
    try:
        return int(comment[1]), Location(int(comment[3]), int(comment[4]), int(comment[5], 16))
    except ValueError:
        return None


def is_archive(start: bytes) -> bool:
    """Whether the first bytes of a file are those of a record, as far as there are any."""
    return start[:SIGNATURE_LENGTH] == _LOCAL_SIGNATURE[: len(start)]
