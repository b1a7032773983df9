"""Encoded frames to RGB: JPEG and PNG, refusing what OpenCV would silently half-decode, and raw frames of a pack."""

from __future__ import annotations

import re
from pathlib import Path

import cv2
import numpy as np

from star.data.frames import read_file
from star.data.png import SIGNATURE as PNG
from star.data.png import is_deep_png, is_whole_png
from star.errors import DataError
from star.types import FrameSource

_START_OF_IMAGE = b"\xff\xd8"
_START_OF_SCAN = b"\xff\xda"
_END_OF_IMAGE = b"\xff\xd9"
_RAW = re.compile(rb"P6\n(\d{1,5}) (\d{1,5})\n255\n")
# EXIF orientation is ignored: skeletons are in pixels of the frame as it is stored.
_FLAGS = cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION


def read_frame(path: Path) -> np.ndarray:
    """Read and decode one JPEG or PNG file, see `decode_frame`."""
    return decode_frame(read_file(path), str(path))


def load_frame(frames: FrameSource, key: str) -> np.ndarray:
    """Read and decode one frame of a source, see `decode_frame`."""
    data = frames.read(key)
    frame = _decode(data)
    return decode_frame(data, frames.name(key)) if frame is None else frame


def decode_frame(data: bytes, name: str) -> np.ndarray:
    """Decode one encoded frame; grey files become three equal channels.

    OpenCV may fill the missing part of a truncated JPEG with grey and only warn (`imread` does, `imdecode` sometimes),
    so the end-of-image marker is looked for first, in a PNG file every checksum. Damage of a JPEG file that leaves the
    markers in place is not noticed.

    Args:
        data: the bytes of a JPEG or PNG file, or what `encode_raw` gives.
        name: of the file, for messages.

    Returns:
        [h w 3] uint8, RGB; do not write into it.

    Raises:
        DataError: the bytes are empty, truncated or neither JPEG nor PNG; names the file.
    """
    frame = _decode(data)
    if frame is not None:
        return frame
    if not data:
        problem = "is empty (0 bytes)"
    elif header := _RAW.match(data):
        problem = f"is damaged: {len(data)} bytes, its header {header[0]!r} promises others"
    elif is_deep_png(data):
        problem = "is a PNG file of 16 bits a channel, expected 8: convert the frames with the scaling that suits them"
    elif data.startswith(PNG):
        problem = f"is truncated or damaged: {len(data)} bytes that are no whole PNG file"
    elif not data.startswith(_START_OF_IMAGE):
        problem = f"is not a JPEG or PNG file (starts with bytes {data[:4].hex(' ')})"
    elif not _is_complete(data):
        problem = f"is truncated: {len(data)} bytes without an end-of-image marker"
    else:
        problem = "starts like a JPEG file but cannot be decoded"
    raise DataError(f"frame {name} {problem}")


def encode_raw(frame: np.ndarray) -> bytes:
    """An [h w 3] uint8 RGB frame as a PPM file: a short header and the pixels."""
    height, width = frame.shape[:2]
    return f"P6\n{width} {height}\n255\n".encode() + frame.tobytes()


def _decode(data: bytes) -> np.ndarray | None:
    """[h w 3] uint8; None if that cannot be had from the data."""
    if (data.startswith(_START_OF_IMAGE) and _is_complete(data)) or (is_whole_png(data) and not is_deep_png(data)):
        try:
            return cv2.imdecode(np.frombuffer(data, np.uint8), _FLAGS)
        except cv2.error:
            return None
    header = _RAW.match(data)
    if header is None:
        return None
    width, height = int(header[1]), int(header[2])
    if len(data) - header.end() != 3 * width * height or not width * height:
        return None
    return np.frombuffer(data, np.uint8, offset=header.end()).reshape(height, width, 3)


def _is_complete(data: bytes) -> bool:
    """Whether the last scan is followed by an end marker (neither marker can occur inside compressed pixels)."""
    return data.endswith(_END_OF_IMAGE) or data.rfind(_END_OF_IMAGE) > data.rfind(_START_OF_SCAN)
