"""What of PNG files OpenCV passes over in silence: missing or damaged parts, and 16 bits a channel."""

from __future__ import annotations

import zlib

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_END = b"IEND"
_DEPTH = 24  # place of the bits a channel in the header chunk, always the first
_FRAME = 12  # bytes of a chunk beside its data: length, name, checksum


def is_whole_png(data: bytes) -> bool:
    """Whether every chunk of a file up to its end chunk is there and meets its checksum."""
    if not data.startswith(SIGNATURE):
        return False
    start = len(SIGNATURE)
    while start + _FRAME <= len(data):
        end = start + _FRAME + int.from_bytes(data[start : start + 4], "big")
        if end > len(data) or zlib.crc32(data[start + 4 : end - 4]) != int.from_bytes(data[end - 4 : end], "big"):
            return False
        if data[start + 4 : start + 8] == _END:
            return True
        start = end
    return False


def is_deep_png(data: bytes) -> bool:
    """Whether a PNG file has 16 bits a channel: OpenCV would keep the upper 8, which leaves thermal frames black."""
    return data.startswith(SIGNATURE) and data[_DEPTH : _DEPTH + 1] == b"\x10"
