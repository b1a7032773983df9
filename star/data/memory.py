"""Memory of batches and frames, used again instead of being given back.

Fresh memory costs the kernel's zeroing of every page: without this, up to a sixth of the time a loader needs for a
frame that has its final size already.
"""

from __future__ import annotations

import ctypes
import math
import sys
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from star.data.shared_memory import Piece, Place
from star.types import NUMBER_OF_JOINTS

Shape = tuple[int, int, int, int]
"""b, t, h and w."""

_REFERENCES_WHEN_UNUSED = 2  # the piece, the argument of getrefcount
_ALIGNMENT = 64
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # of mallopt(3)
_LARGEST_FROM_HEAP = 32 << 20


def keep_freed_memory() -> None:
    """Let the C library keep the memory of decoded frames for the next ones; elsewhere than with glibc nothing happens.

    The thresholds are those glibc raises itself to once a process has freed an array of 32 MB.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return
    mallopt(_MMAP_THRESHOLD, _LARGEST_FROM_HEAP)
    mallopt(_TRIM_THRESHOLD, 2 * _LARGEST_FROM_HEAP)


class Clips(NamedTuple):
    """Memory of clips.

    Attributes:
        frames: [b t h w 3] uint8.
        joints: [b t j 3] float32.
        place: of both in shared memory; None: in this process alone.
    """

    frames: np.ndarray
    joints: np.ndarray
    place: Place | None


def clips_in(memory: np.ndarray, shape: Shape) -> tuple[np.ndarray, np.ndarray]:
    """[b t h w 3] uint8 and [b t j 3] float32 as views of the bytes of a piece of memory."""
    pixels, joints, joints_start = _layout(shape)
    frames = memory[: math.prod(pixels)].reshape(pixels)
    return frames, memory[joints_start : joints_start + 4 * math.prod(joints)].view(np.float32).reshape(joints)


class BatchMemory:
    """Memory for batches, given out again when nobody refers to it any more; for one thread.

    Whether an array is in use is what its reference count says: every view of it, every view of a view and every
    tensor that shares it (`Tensor.from_numpy`) keeps the array itself alive. So a batch that is kept stays as it is,
    however it is kept.

    Args:
        allocate: gives a piece of at least so many bytes; None: memory of this process.
        most: pieces to keep; further ones are not given out again.
    """

    def __init__(self, allocate: Callable[[int], Piece] | None = None, most: int = 12):
        self._allocate = allocate or _private
        self._most = most
        self._kept: list[tuple[Shape, Piece]] = []

    def empty_clips(self, shape: Shape) -> Clips:
        """Clips with any content."""
        piece = self._empty(shape)
        return Clips(*clips_in(piece.memory, shape), piece.place)

    def _empty(self, shape: Shape) -> Piece:
        for kept, piece in self._kept:
            if kept == shape and sys.getrefcount(piece.memory) == _REFERENCES_WHEN_UNUSED:
                return piece
        _, joints, joints_start = _layout(shape)
        piece = self._allocate(joints_start + 4 * math.prod(joints))
        if len(self._kept) < self._most:
            self._kept.append((shape, piece))
        return piece


def _layout(shape: Shape) -> tuple[tuple[int, ...], tuple[int, ...], int]:
    """Shapes of frames and joints, and where the bytes of the joints begin."""
    pixels = (*shape, 3)
    return pixels, (*shape[:2], NUMBER_OF_JOINTS, 3), -(-math.prod(pixels) // _ALIGNMENT) * _ALIGNMENT


def _private(size: int) -> Piece:
    return Piece(np.empty(size, np.uint8), None)
