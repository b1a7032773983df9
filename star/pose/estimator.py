"""The interface of pose estimators."""

from __future__ import annotations

from typing import Protocol

import numpy as np


class Estimator(Protocol):
    """A pose estimator on person crops."""

    name: str

    def estimate(self, frame: np.ndarray) -> np.ndarray:
        """[j 3] float32 (x, y in pixels of the frame, confidence in 0..1) from an [h w 3] uint8 RGB frame."""
        ...
