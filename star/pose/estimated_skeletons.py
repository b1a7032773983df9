"""Skeletons of frames that no file has: estimated when they are first asked for."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np

from star.data.decode import load_frame
from star.errors import DataError, StarError
from star.pose.estimator import Estimator
from star.types import FrameSource


class EstimatedSkeletons:
    """A store whose joints an estimator finds in the frames; each frame once. Safe to use from several threads.

    Args:
        frames: where the pixels are.
        estimator: finds the joints.
    """

    def __init__(self, frames: FrameSource, estimator: Estimator):
        self._frames = frames
        self._estimator = estimator
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
        return self._estimator.name

    def _estimate(self, key: str) -> np.ndarray | None:
        try:
            frame: Any = load_frame(self._frames, key)
        except DataError:
            return None
        try:
            return self._estimator.estimate(frame)
        except Exception as error:  # the runtimes' errors have no common base below Exception
            name = self._frames.name(key)
            raise StarError(
                f"{self._estimator.name} failed on frame {name}: {type(error).__name__}: {error}"
            ) from error
