"""What a pack stores of one frame: its bytes as they are, or resized once and encoded again, and joints that fit."""

from __future__ import annotations

from typing import Literal, NamedTuple

import cv2
import numpy as np

from star.data.decode import decode_frame, encode_raw
from star.data.pack.contents import Frame
from star.data.transforms import PLAIN, augment_frame
from star.errors import DataError

Encoding = Literal["jpeg", "raw"]


class Storage(NamedTuple):
    """How frames are stored.

    Attributes:
        size: (height, width) they are resized to, as the loader would; None keeps their bytes.
        encoding: of resized frames: "jpeg", or "raw" (PPM: a byte a channel, exactly the resized frame).
        quality: of the JPEG files, 1 to 100.
    """

    size: tuple[int, int] | None = None
    encoding: Encoding = "jpeg"
    quality: int = 95

    def __str__(self) -> str:
        """For protocol and messages."""
        if self.size is None:
            return "frames as they are"
        how = "uncompressed" if self.encoding == "raw" else f"as JPEG of quality {self.quality}"
        return f"frames stored at {self.size[0]}x{self.size[1]} {how}"


class EncodedFrame(NamedTuple):
    """What a pack stores of one frame.

    Attributes:
        data: its bytes; those of the file, as far as it can be read, if it cannot be decoded.
        size: (height, width) of the frame before it was packed; (0, 0) if it cannot be decoded.
        problem: why it cannot; None otherwise.
    """

    data: bytes
    size: tuple[int, int] = (0, 0)
    problem: DataError | None = None


def encode_frame(frame: Frame, storage: Storage) -> EncodedFrame:
    """Read a frame, look whether it can be decoded, and encode it for the pack."""
    data = b""
    try:
        data = frame.source.read(frame.key)
        pixels = decode_frame(data, frame.source.name(frame.key))
    except DataError as error:
        return EncodedFrame(data, problem=error)
    height, width = pixels.shape[:2]
    return EncodedFrame(data if storage.size is None else _resized(pixels, storage, storage.size), (height, width))


def read_joints(frame: Frame, size: tuple[int, int], storage: Storage) -> np.ndarray | None:
    """[j 3] in pixels of the packed frame; None if it has none, or the frame cannot be resized.

    Args:
        frame: a packed frame.
        size: (height, width) before it was packed; (0, 0) if it cannot be decoded.
        storage: how it is stored.
    """
    joints = frame.skeletons.read(frame.key) if frame.skeletons else None
    if joints is None or storage.size is None:
        return joints
    if size == (0, 0):
        return None
    (height, width), (new_height, new_width) = size, storage.size
    return (joints * np.array([new_width / width, new_height / height, 1])).astype(np.float32)


def _resized(pixels: np.ndarray, storage: Storage, size: tuple[int, int]) -> bytes:
    resized = np.empty((*size, 3), np.uint8)
    augment_frame(pixels, PLAIN, resized)
    if storage.encoding == "raw":
        return encode_raw(resized)
    grey = (resized[..., :1] == resized).all()
    options = [cv2.IMWRITE_JPEG_QUALITY, storage.quality]
    _, encoded = cv2.imencode(".jpg", resized[..., 0] if grey else cv2.cvtColor(resized, cv2.COLOR_RGB2BGR), options)
    return encoded.tobytes()
