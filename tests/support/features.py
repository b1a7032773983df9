"""Small features with items, for tests."""

from __future__ import annotations

import cv2
import numpy as np

from star.search.features import Features, Items


def jpeg(level: int, frames: int = 4) -> bytes:
    """A strip of frames of one brightness."""
    return cv2.imencode(".jpg", np.full((128, 64 * frames, 3), level, np.uint8))[1].tobytes()


def made_features(
    count: int,
    width: int = 16,
    *,
    seed: int = 0,
    cameras: tuple[str, ...] = ("a", "b"),
    clock: str = "utc",
    modality: str = "visible",
    fingerprint: str = "f00d",
    joints: bool = False,
    dtype: type = np.float32,
) -> Features:
    """Random features; item i is person i modulo 7, seen by camera i modulo their number, from second 10 i on."""
    rng = np.random.default_rng(seed)
    values = rng.standard_normal((count, width)).astype(np.float32)
    values /= np.linalg.norm(values, axis=1, keepdims=True)
    place = np.arange(count)
    shape = (count, 4 if joints else 0, 17, 3)
    items = Items(
        names=np.array([f"{modality}/{n}" for n in place]),
        identities=place % 7,
        cameras=np.array([cameras[n % len(cameras)] for n in place]),
        modalities=np.array([modality] * count),
        clocks=np.array([clock] * count),
        starts=10.0 * place if clock else np.full(count, np.nan),
        ends=10.0 * place + 5 if clock else np.full(count, np.nan),
        frames=np.full(count, 12),
        bad_frames=np.zeros(count, np.int64),
        strips=tuple(jpeg(n % 200) for n in place),
        joints=rng.random(shape).astype(np.float16),
    )
    return Features(values.astype(dtype), items, {"fingerprint": fingerprint, "width": width, "model": "run"})
