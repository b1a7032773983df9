"""Memory that processes share: a file without a name, gone with the last process that has it, however that ends."""

from __future__ import annotations

import mmap
import os
import weakref
from typing import NamedTuple

import numpy as np

_FEWEST_PIECES = 4


class Place(NamedTuple):
    """Where a piece of shared memory is: whole pages.

    Attributes:
        region, length: offset and bytes of what is mapped in one go.
        offset, size: of the piece in the region.
    """

    region: int
    length: int
    offset: int
    size: int


class Piece(NamedTuple):
    """[size] uint8, and where it is for other processes; None: in this process alone."""

    memory: np.ndarray
    place: Place | None


class SharedMemory:
    """Pieces of shared memory, each free again, its pages given back, when nobody refers to its array any more.

    As many pieces as there are already are mapped in one go, so the number of mappings and descriptors stays small.

    Attributes:
        file: descriptor of the file, for the processes that shall have it.
    """

    def __init__(self) -> None:
        self.file = os.memfd_create("star-batches", os.MFD_CLOEXEC)
        weakref.finalize(self, os.close, self.file)
        self._end = 0
        self._free: dict[int, list[tuple[mmap.mmap, Place]]] = {}
        self._pieces: dict[int, int] = {}

    def allocate(self, size: int) -> Piece:
        """A piece of at least `size` bytes; a new one is zeros."""
        size = -(-size // mmap.PAGESIZE) * mmap.PAGESIZE
        free = self._free.setdefault(size, [])
        if not free:
            free += self._map(size)
        region, place = free.pop()
        # Of a memory map and not of an array of the region: views keep the array itself alive (BatchMemory counts).
        memory = np.frombuffer(region, np.uint8, size, place.offset)
        weakref.finalize(memory, _give_back, region, place, free).atexit = False
        return Piece(memory, place)

    def _map(self, size: int) -> list[tuple[mmap.mmap, Place]]:
        pieces = max(_FEWEST_PIECES, self._pieces.get(size, 0))
        self._pieces[size] = self._pieces.get(size, 0) + pieces
        start, length = self._end, pieces * size
        os.ftruncate(self.file, start + length)
        self._end += length
        region = mmap.mmap(self.file, length, offset=start)
        return [(region, Place(start, length, piece * size, size)) for piece in reversed(range(pieces))]


class SharedView:
    """The same memory in another process.

    Args:
        file: its descriptor here.
    """

    def __init__(self, file: int):
        self._file = file
        self._regions: dict[int, mmap.mmap] = {}

    def array(self, place: Place) -> np.ndarray:
        """[size] uint8 of a piece."""
        region = self._regions.get(place.region)
        if region is None:
            region = self._regions[place.region] = mmap.mmap(self._file, place.length, offset=place.region)
        return np.frombuffer(region, np.uint8, place.size, place.offset)


def _give_back(region: mmap.mmap, place: Place, free: list[tuple[mmap.mmap, Place]]) -> None:
    region.madvise(mmap.MADV_REMOVE, place.offset, place.size)
    free.append((region, place))
