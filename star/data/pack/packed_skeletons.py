"""Skeletons in a pack: a table with an entry for each frame, and the stores of its splits."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from star.data.pack.pack_folder import PackFolder
from star.types import NUMBER_OF_JOINTS, FrameSource

_ENTRY = np.dtype([("present", "<i4"), ("joints", "<f4", (NUMBER_OF_JOINTS, 3))])


def encode_skeletons(joints: Sequence[np.ndarray | None]) -> bytes:
    """The table as a .npy file, from [j 3] joints in pixels of each packed frame, or None."""
    table = np.zeros(len(joints), _ENTRY)
    for row, found in enumerate(joints):
        if found is not None:
            table[row] = (True, found)
    buffer = io.BytesIO()
    np.save(buffer, table, allow_pickle=False)
    return buffer.getvalue()


class PackedSkeletons(NamedTuple):
    """Joints of one split, by the frames they belong to.

    Attributes:
        root: the pack.
        split: "train" or "test".
        frames: of the split, in the pack.
    """

    root: PackFolder
    split: str
    frames: FrameSource

    @property
    def path(self) -> Path:
        """The pack's file."""
        return self.root.pack.path

    def read(self, key: str) -> np.ndarray | None:
        """[j 3] float32: x, y in pixels of the packed frame, confidence; None if the frame has none."""
        return self.root.pack.joints(self.frames.name(key).removeprefix(f"{self.root}/"))

    def provenance(self) -> str:
        """That of the store they were packed from."""
        return self.root.pack.about["skeletons"][self.split]
