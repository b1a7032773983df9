"""Small videos with track files, folders of tracklets, and a model that embeds by colour, for tests."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
from support.tiny_vcm import write_jpeg

from star.data.clip import Reading
from star.types import ClipBatch, ClipShape

HEIGHT, WIDTH = 96, 128
RATE = 10


def level(frame: int) -> int:
    """Brightness of the background in a frame, by which it is recognised."""
    return 4 + 6 * frame


def write_video(path: Path, frames: int = 30, *, codec: str = "MJPG") -> Path:
    """Frames of one brightness each, `level` of their number."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*codec), RATE, (WIDTH, HEIGHT))
    for number in range(frames):
        writer.write(np.full((HEIGHT, WIDTH, 3), level(number), np.uint8))
    writer.release()
    return path


def write_tracks(path: Path, boxes: Iterable[tuple[float, ...]]) -> Path:
    """Boxes as frame (from 1), id, left, top, width, height, in the form that trackers write."""
    path.write_text("".join(f"{','.join(f'{n:g}' for n in box)},0.9,-1,-1,-1\n" for box in boxes))
    return path


def write_tracklets(folder: Path, colours: dict[str, tuple[int, int, int]], frames: int = 5) -> Path:
    """A folder of frames for each name, all of one colour."""
    for name, colour in colours.items():
        for number in range(1, frames + 1):
            write_jpeg(folder / name / f"{number}.jpg", np.full((40, 20, 3), colour, np.uint8))
    return folder


class ColourModel:
    """Embeds a clip as the mean colour of each of its frames, its joints as their mean place; counts the clips."""

    frames, size, modalities, fingerprint = 3, (32, 16), ("visible", "infrared"), "c0" * 8

    def __init__(self, uses_joints: bool = False, stop_after: int | None = None, dataset: Any = None):
        self.uses_joints = uses_joints
        self.dim = 9 + 3 * uses_joints
        self.description = SimpleNamespace(
            run="colours",
            checkpoint="last",
            reading=Reading(),
            shape=ClipShape(self.frames, *self.size),
            anaglyphs=False,
        )
        self.config = {"dataset": dataset}
        self.embedded = 0
        self.stop_after = stop_after

    def embed_batch(self, batch: ClipBatch, modality: str) -> np.ndarray:
        assert batch.frames.shape[1:] == (self.frames, *self.size, 3) and batch.frames.dtype == np.uint8
        if self.stop_after is not None and self.embedded >= self.stop_after:
            raise KeyboardInterrupt
        self.embedded += batch.count
        values = batch.frames.astype(np.float32).mean(axis=(2, 3)).reshape(len(batch.frames), -1) + 1
        if self.uses_joints:
            values = np.concatenate([values, 100 * batch.joints.mean(axis=(1, 2))], axis=1)
        return (values / np.linalg.norm(values, axis=1, keepdims=True))[: batch.count]


def loader_of(model: ColourModel) -> Any:
    """A stand-in for `star.load`."""
    return lambda run, checkpoint="last": model
