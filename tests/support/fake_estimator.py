"""An estimator whose joints follow from the frame, for tests; worker processes import it by name."""

from __future__ import annotations

import os
import resource
import signal
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from star.errors import DataError


@dataclass
class Diagonal:
    """Joints on the diagonal; confident are 8 of a grey frame, 12 of a coloured one.

    Attributes: seconds a frame takes; log gets one byte a frame; at the frame `fatal` the process is killed, the frame
    `refused` is an error.
    """

    name: str = "diagonal"
    seconds: float = 0
    log: Path | None = None
    fatal: int = 0
    refused: int = 0
    frames: int = 0

    def estimate(self, frame: np.ndarray) -> np.ndarray:
        self.frames += 1
        if self.frames == self.fatal:
            os.kill(os.getpid(), signal.SIGKILL)
        if self.frames == self.refused:
            raise ValueError("too dark")
        time.sleep(self.seconds)
        if self.log:
            with self.log.open("ab") as log:
                log.write(b"x")
        steps = (np.arange(17) + 0.5) / 17
        height, width = frame.shape[:2]
        confident = 8 if (frame[..., 0] == frame[..., 1]).all() else 12
        confidence = np.where(np.arange(17) < confident, 0.8, 0.1)
        return np.stack([steps * width, steps * height, confidence], axis=1).astype(np.float32)


@dataclass(frozen=True)
class DiagonalRecipe:
    """As `Diagonal`; `error` keeps it from being built, `largest_file` is what the worker may write into one file."""

    name: str = "diagonal"
    seconds: float = 0
    log: Path | None = None
    fatal: int = 0
    refused: int = 0
    error: str = ""
    largest_file: int = 0

    def build(self) -> Diagonal:
        if self.error:
            raise DataError(self.error)
        if self.largest_file:
            resource.setrlimit(resource.RLIMIT_FSIZE, (self.largest_file, self.largest_file))
        return Diagonal(self.name, self.seconds, self.log, self.fatal, self.refused)

    def identity(self) -> dict[str, str]:
        return {"estimator": self.name, "model sha256": "0"}
