"""The surroundings of a walker: each camera's cluttered scene, the objects walked behind, the shadow on the ground."""

from __future__ import annotations

import cv2
import numpy as np

from star.synthetic.levels import Levels
from star.types import Modality

HORIZON = 0.42
_OCCLUDERS = ("pole", "box", "rail", "bush")


def draw_scene(levels: Levels, seed: int, number: int, modality: Modality) -> np.ndarray:
    """[2.5h 10w c] float32 in 0..1, the background of one camera, c = 3 visible (RGB) or 1 infrared."""
    rng = np.random.default_rng((seed, 5, number))
    channels = 3 if modality == "visible" else 1
    height, width = int(2.5 * levels.height), 10 * levels.width
    horizon = int(HORIZON * height)

    def colour(spread: float = 0.22) -> np.ndarray:
        grey = rng.uniform(0.12, 0.80) if channels == 3 else rng.uniform(0.03, 0.28)
        return np.clip(grey + spread * rng.uniform(-1, 1, channels) * (1.0 if channels == 3 else 0.4), 0, 1)

    scene = np.empty((height, width, channels), np.float32)
    scene[:horizon] = colour(0.10)
    floor = np.linspace(0.75, 1.15, height - horizon)[:, None, None]
    scene[horizon:] = floor * np.clip(colour(0.06), 0.1, 0.65)
    scene = _with_tiles(scene, horizon, colour(), rng)
    for _ in range(int(50 * levels.clutter)):
        _add_object(scene, horizon, colour(), colour(), rng)
    for size, strength in ((height // 4, 0.10), (height // 20, 0.07), (3, 0.04)):
        coarse = rng.standard_normal((height // size + 2, width // size + 2)).astype(np.float32)
        texture = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
        scene *= 1 + strength * min(levels.clutter, 1.0) * texture[..., None]
    smooth = cv2.GaussianBlur(scene, (0, 0), 0.8 * levels.height / 128)
    return np.clip(smooth.reshape(scene.shape), 0, 1)


def _with_tiles(scene: np.ndarray, horizon: int, colour: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Lines on the ground that run to a vanishing point."""
    height, width = scene.shape[:2]
    lines = np.zeros((height, width), np.uint8)
    vanishing = (int(rng.uniform(0.2, 0.8) * width), horizon - height // 10)
    for x in np.linspace(-2 * width, 3 * width, int(rng.integers(18, 36))):
        cv2.line(lines, vanishing, (int(x), height), (255,), max(1, height // 160))
    for depth in np.geomspace(0.04, 1, int(rng.integers(4, 9))):
        y = int(horizon + depth * (height - horizon))
        cv2.line(lines, (0, y), (width, y), (255,), max(1, height // 160))
    lines[:horizon] = 0
    share = rng.uniform(0.1, 0.5) * lines[..., None].astype(np.float32) / 255
    return scene * (1 - share) + share * colour.astype(np.float32)


def _add_object(
    scene: np.ndarray, horizon: int, colour: np.ndarray, second: np.ndarray, rng: np.random.Generator
) -> None:
    """A window, door, poster, pole, box, plant or far passer-by."""
    height, width = scene.shape[:2]
    kind = rng.integers(6)
    x, tall = int(rng.uniform(0, width)), height * rng.uniform(0.08, 0.35)
    foot = int(horizon + rng.uniform(-0.02, 0.25) * (height - horizon))
    paint, other = tuple(map(float, colour)), tuple(map(float, second))
    if kind <= 1:
        y, wide = int(rng.uniform(0, horizon)), int(tall * rng.uniform(0.5, 1.8))
        low = (x + wide, min(y + int(tall), horizon))
        cv2.rectangle(scene, (x, y), low, paint, -1)
        cv2.rectangle(scene, (x, y), low, other, max(1, height // 160))
    elif kind == 2:
        cv2.rectangle(scene, (x, int(foot - 2.5 * tall)), (x + max(2, int(0.07 * tall)), foot), paint, -1)
    elif kind == 3:
        wide = int(tall * rng.uniform(0.6, 2.0))
        cv2.rectangle(scene, (x, int(foot - 0.6 * tall)), (x + wide, foot), paint, -1)
        cv2.rectangle(scene, (x, int(foot - 0.6 * tall)), (x + wide, int(foot - 0.5 * tall)), other, -1)
    elif kind == 4:
        for _ in range(9):
            at = (x + int(rng.normal(0, 0.35 * tall)), int(foot - 0.5 * tall + rng.normal(0, 0.25 * tall)))
            cv2.circle(scene, at, max(2, int(0.2 * tall)), tuple(float(c * rng.uniform(0.6, 1.1)) for c in colour), -1)
    else:
        legs = int(0.5 * tall)
        lower, upper = (max(1, int(0.10 * tall)), legs // 2), (max(1, int(0.14 * tall)), int(0.24 * tall))
        cv2.ellipse(scene, (x, foot - legs // 2), lower, 0, 0, 360, other, -1)
        cv2.ellipse(scene, (x, int(foot - 0.65 * tall)), upper, 0, 0, 360, paint, -1)
        cv2.circle(scene, (x, int(foot - 0.95 * tall)), max(1, int(0.07 * tall)), tuple(0.6 * c for c in other), -1)


def cut_background(
    scene: np.ndarray, offsets: np.ndarray, size: tuple[int, int], zoom: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """[t h w c] the pieces of the scene behind a walk.

    Args:
        scene: of the camera.
        offsets: [t 2] pixels the crop moved since the first frame.
        size: height and width of a piece.
        zoom: [t] relative size of a pixel of the scene.
        rng: where in the scene the walk takes place.
    """
    height, width = size
    start = np.array(
        [
            rng.uniform(0.1, 0.9) * scene.shape[1] - width / 2,
            rng.uniform(HORIZON + 0.14, 0.90) * scene.shape[0] - 0.92 * height,
        ]
    )
    pieces = np.empty((len(offsets), height, width, scene.shape[2]), np.float32)
    middle = np.array([width - 1, height - 1]) / 2
    for t, offset in enumerate(offsets):
        corner = start + offset + middle * (1 - 1 / zoom[t])
        matrix = np.array([[1 / zoom[t], 0, corner[0]], [0, 1 / zoom[t], corner[1]]])
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        piece = cv2.warpAffine(scene, matrix, (width, height), flags=flags, borderMode=cv2.BORDER_REFLECT_101)
        pieces[t] = piece.reshape(height, width, -1)
    return pieces


def cast_shadow(cover: np.ndarray, light: tuple[float, float], strength: float) -> np.ndarray:
    """[t h w] factor on the background: the silhouette `cover` [t h w] laid on the ground away from the light."""
    height, width = cover.shape[1:]
    foot = 0.925 * height
    flat = 0.30
    shear = -1.1 * light[0]
    matrix = np.array([[1.0, -shear, shear * foot], [0.0, flat, (1 - flat) * foot]])
    shadow = np.empty_like(cover)
    for t, silhouette in enumerate(cover):
        fallen = cv2.warpAffine(silhouette, matrix, (width, height), flags=cv2.INTER_LINEAR)
        shadow[t] = 1 - strength * cv2.GaussianBlur(fallen, (0, 0), 0.012 * height)
    return shadow


def draw_occluder(
    offsets: np.ndarray, size: tuple[int, int], channels: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """An object in front of the walk, standing still in the scene.

    Args:
        offsets: [t 2] pixels the crop moved since the first frame.
        size: height and width of a frame.
        channels: 3 visible, 1 infrared.
        rng: what it is and where it stands.

    Returns:
        [t h w] float32 cover in 0..1 and [h w c] float32 its look.
    """
    height, width = size
    kind = _OCCLUDERS[rng.integers(len(_OCCLUDERS))]
    brightness = rng.uniform(0.1, 0.55) if channels == 3 else rng.uniform(0.03, 0.28)
    look = np.full((height, width, channels), brightness, np.float32)
    if channels == 3:
        look *= rng.uniform(0.6, 1.3, 3).astype(np.float32)
    look *= 1 + 0.06 * rng.standard_normal((height, width, 1)).astype(np.float32)
    meeting = int(rng.integers(len(offsets)))
    place = width * rng.uniform(0.2, 0.8) - 1.3 * (offsets[:, 0] - offsets[meeting, 0])
    top = height * rng.uniform(0.60, 0.82)
    wide = width * (rng.uniform(0.12, 0.22) if kind == "pole" else rng.uniform(0.5, 0.9))
    blobs = rng.normal(0, 1, (14, 2))
    cover = np.zeros((len(offsets), height, width), np.float32)
    for frame, x in zip(cover, place, strict=True):
        low, high = int(x - wide / 2), int(x + wide / 2)
        if kind == "pole":
            cv2.rectangle(frame, (low, -1), (high, height), (1.0,), -1)
        elif kind == "box":
            cv2.rectangle(frame, (low, int(top)), (high, height), (1.0,), -1)
        elif kind == "rail":
            for y in (top - 0.1 * height, top + 0.02 * height):
                cv2.rectangle(frame, (-1, int(y)), (width, int(y + 0.035 * height)), (1.0,), -1)
            cv2.rectangle(frame, (int(x), int(top - 0.1 * height)), (int(x + 0.08 * width), height), (1.0,), -1)
        else:
            for dx, dy in blobs:
                at = (int(x + 0.25 * wide * dx), int(top + 0.12 * height + 0.07 * height * dy))
                cv2.circle(frame, at, max(2, height // 16), (1.0,), -1)
    return cover, np.clip(look, 0, 1)
