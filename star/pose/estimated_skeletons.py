"""Skeletons of frames that no file has: estimated when they are first asked for."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np

from star.data.decode import load_frame
from star.errors import DataError, StarError
from star.pose.estimator import Estimator
from star.types import NUMBER_OF_JOINTS, FrameSource


class EstimatedSkeletons:
    """A store whose joints an estimator finds in the frames; each frame once. Safe to use from several threads.

    Args:
        frames: where the pixels are.
        estimator: finds the joints.
    """

    def __init__(self, frames: FrameSource, estimator: Estimator):
        self._frames = frames
        self._estimator = estimator
        self._name = getattr(estimator, "name", type(estimator).__name__)
        self._lock = threading.Lock()
        self._found: dict[str, np.ndarray | None] = {}

    @property
    def path(self) -> Path:
        """Where the frames are."""
        return Path(self._frames.path)

    def read(self, key: str) -> np.ndarray | None:
        """[j 3] float32: x, y in pixels of the stored frame, confidence in 0..1; None if it cannot be decoded.

        Raises:
            StarError: the estimator failed on the frame.
        """
        with self._lock:
            if key not in self._found:
                self._found[key] = self._estimate(key)
            return self._found[key]

    def provenance(self) -> str:
        """Name of the estimator."""
        return self._name

    def _estimate(self, key: str) -> np.ndarray | None:
        try:
            frame: Any = load_frame(self._frames, key)
        except DataError:
            return None
        try:
            joints = np.asarray(self._estimator.estimate(frame), np.float32)
        except Exception as error:  # the runtimes' errors have no common base below Exception
            name = self._frames.name(key)
            raise StarError(f"{self._name} failed on frame {name}: {type(error).__name__}: {error}") from error
        if joints.shape != (NUMBER_OF_JOINTS, 3):
            expected = f"[{NUMBER_OF_JOINTS}, 3]: x, y and confidence of the joints in COCO's order"
            given = f"{self._name} gave {list(joints.shape)}"
            raise StarError(f"{given} for frame {self._frames.name(key)}, expected {expected}")
        return joints
