"""Memory of batches and frames, used again instead of being given back.

Fresh memory costs the kernel's zeroing of every page: without this, up to a sixth of the time a loader needs for a
frame that has its final size already.
"""

from __future__ import annotations

import ctypes
import sys

import numpy as np

from star.types import NUMBER_OF_JOINTS

_REFERENCES_WHEN_UNUSED = 3  # the list, the loop variable, the argument of getrefcount
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


class BatchMemory:
    """Arrays for batches, given out again when nobody refers to them any more; for one thread.

    Whether an array is in use is what its reference count says: every view of it, every view of a view and every
    tensor that shares it (`Tensor.from_numpy`) keeps the array itself alive. So a batch that is kept stays as it is,
    however it is kept.

    Args:
        most: arrays to keep; further ones are not given out again.
    """

    def __init__(self, most: int = 12):
        self._most = most
        self._kept: list[np.ndarray] = []

    def empty_clips(self, rows: int, frames: int, height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
        """Unset [b t h w 3] uint8 and [b t j 3] float32."""
        pixels = self._empty((rows, frames, height, width, 3))
        return pixels, np.empty((rows, frames, NUMBER_OF_JOINTS, 3), np.float32)

    def _empty(self, shape: tuple[int, ...]) -> np.ndarray:
        for array in self._kept:
            if array.shape == shape and sys.getrefcount(array) == _REFERENCES_WHEN_UNUSED:
                return array.view()
        array = np.empty(shape, np.uint8)
        if len(self._kept) < self._most:
            self._kept.append(array)
        return array.view()
