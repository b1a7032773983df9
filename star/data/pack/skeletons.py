"""The skeletons of one split in a pack."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

from star.data.pack.folder import PackFolder
from star.types import FrameSource


class PackedSkeletons(NamedTuple):
    """Joints by the frames they belong to.

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
