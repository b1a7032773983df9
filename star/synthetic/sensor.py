"""The sensor, from part maps to stored frames: colours, light, blur, low resolution, gain and noise of the camera."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import cv2
import numpy as np

from star.synthetic.camera import Camera
from star.synthetic.canvas import NEUTRAL_SHADE
from star.synthetic.levels import Levels

_NOISE_PIECES = 500_000


class Quality(NamedTuple):
    """How badly a walk was filmed: factor of the lost resolution, and standard deviation of the blur in pixels."""

    reduction: float
    blur: float


def draw_quality(levels: Levels, rng: np.random.Generator) -> Quality:
    """One walk's quality."""
    reduction = 1 + (levels.low_resolution - 1) * rng.random()
    return Quality(float(reduction), float(levels.blur * rng.random() * levels.height / 128))


def colour_in(maps: np.ndarray, paint: np.ndarray, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Part maps at the size of a stored frame.

    Args:
        maps: [t H W 2] uint8 part and shade.
        paint: [parts c] float32 in 0..1.
        size: height and width of a stored frame.

    Returns:
        [t h w c] float32, the person's light (zero outside), and [t h w] float32 its cover in 0..1.
    """
    height, width = size
    light = np.empty((len(maps), height, width, paint.shape[1]), np.float32)
    cover = np.empty((len(maps), height, width), np.float32)
    table = np.concatenate([paint, np.ones((len(paint), 1), np.float32)], axis=1)
    table[0] = 0
    table = np.rint(255 * table).astype(np.uint8)
    for t, (parts, shade) in enumerate(zip(maps[..., 0], maps[..., 1], strict=True)):
        small = cv2.resize(table.take(parts, axis=0), (width, height), interpolation=cv2.INTER_AREA)
        lit = cv2.resize(shade, (width, height), interpolation=cv2.INTER_AREA)
        cover[t] = small[..., -1]
        light[t] = small[..., :-1]
        light[t] *= (lit.astype(np.float32) / np.maximum(cover[t], 1) * (255 / NEUTRAL_SHADE))[..., None]
    light /= 255
    cover /= 255
    return light, cover


def film(scene: np.ndarray, camera: Camera, quality: Quality, noise: float, rng: np.random.Generator) -> np.ndarray:
    """[t h w c] uint8 frames of a scene [t h w c] float32 in 0..1 as the camera stores them."""
    frames, height, width, channels = scene.shape
    filmed = np.empty_like(scene)
    small = (max(8, round(width / quality.reduction)), max(16, round(height / quality.reduction)))
    for t, frame in enumerate(scene):
        seen = cv2.GaussianBlur(frame, (0, 0), quality.blur) if quality.blur > 0.15 else frame
        if quality.reduction > 1.02:
            seen = cv2.resize(seen, small, interpolation=cv2.INTER_AREA)
            seen = cv2.resize(seen, (width, height), interpolation=cv2.INTER_LINEAR)
        filmed[t] = seen.reshape(height, width, channels)
    filmed *= np.array(camera.gain, np.float32)
    filmed += np.float32(camera.offset)
    if noise > 0:
        _add_noise(filmed, noise, rng)
    if camera.modality == "infrared" and noise > 0:
        columns = np.random.default_rng(camera.number).standard_normal((1, 1, width, 1))
        filmed += np.float32(0.3 * noise) * columns.astype(np.float32)
    np.clip(filmed, 0, 1, out=filmed)
    filmed *= 255
    return np.rint(filmed, out=filmed).astype(np.uint8)


def _add_noise(frames: np.ndarray, deviation: float, rng: np.random.Generator) -> None:
    """Each frame gets a piece of one long row of noise from a place of its own: fresh draws cost ten times as much."""
    count = frames[0].size
    row = _noise_row(_NOISE_PIECES + count)
    for frame, start in zip(frames, rng.integers(0, _NOISE_PIECES, len(frames)), strict=True):
        frame += np.float32(deviation) * row[start : start + count].reshape(frame.shape)


@lru_cache(maxsize=2)
def _noise_row(length: int) -> np.ndarray:
    return np.random.default_rng(length).standard_normal(length, dtype=np.float32)
