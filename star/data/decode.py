"""JPEG files to RGB frames, refusing what OpenCV would silently half-decode."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from star.data.frames import read_file
from star.errors import DataError
from star.types import FrameSource

_START_OF_IMAGE = b"\xff\xd8"
_START_OF_SCAN = b"\xff\xda"
_END_OF_IMAGE = b"\xff\xd9"
# EXIF orientation is ignored: skeletons are in pixels of the frame as it is stored.
_FLAGS = cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION


def read_frame(path: Path) -> np.ndarray:
    """Read and decode one JPEG file, see `decode_frame`."""
    return decode_frame(read_file(path), str(path))


def load_frame(frames: FrameSource, key: str) -> np.ndarray:
    """Read and decode one frame of a source, see `decode_frame`."""
    return decode_frame(frames.read(key), frames.name(key))


def decode_frame(data: bytes, name: str) -> np.ndarray:
    """Decode one encoded frame; grey files become three equal channels.

    OpenCV may fill the missing part of a truncated JPEG with grey and only warn (`imread` does, `imdecode` sometimes),
    so the end-of-image marker is looked for first. Damage that leaves the markers in place is not noticed.

    Args:
        data: the bytes of a JPEG file.
        name: of the file, for messages.

    Returns:
        [h w 3] uint8, RGB.

    Raises:
        DataError: the bytes are empty, truncated or no JPEG; names the file.
    """
    if not data:
        raise DataError(f"frame {name} is empty (0 bytes)")
    if not data.startswith(_START_OF_IMAGE):
        raise DataError(f"frame {name} is not a JPEG file (starts with bytes {data[:4].hex(' ')})")
    if not _is_complete(data):
        raise DataError(f"frame {name} is truncated: {len(data)} bytes without an end-of-image marker")
    try:
        frame = cv2.imdecode(np.frombuffer(data, np.uint8), _FLAGS)
    except cv2.error:
        frame = None
    if frame is None:
        raise DataError(f"frame {name} starts like a JPEG file but cannot be decoded")
    return frame


def _is_complete(data: bytes) -> bool:
    """Whether the last scan is followed by an end marker (neither marker can occur inside compressed pixels)."""
    return data.endswith(_END_OF_IMAGE) or data.rfind(_END_OF_IMAGE) > data.rfind(_START_OF_SCAN)
