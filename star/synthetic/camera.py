"""Cameras: where they stand, how they project, and how each distorts colour."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from star.synthetic.levels import Levels
from star.types import Modality


@dataclass(frozen=True)
class Camera:
    """One camera; nothing here knows who walks past.

    Attributes:
        number: on disk, visible cameras first; no number is used by both modalities.
        view: degrees between the walking direction and the camera.
        elevation: metres above the ground.
        light: [2] direction of the light in the frame, x right and y down.
        gain: per channel; one channel in infrared.
        offset: added after the gain, share of full scale.
        quality: JPEG.
    """

    number: int
    modality: Modality
    view: float
    elevation: float
    light: tuple[float, float]
    gain: tuple[float, ...]
    offset: float
    quality: int


def draw_cameras(levels: Levels, seed: int) -> tuple[Camera, ...]:
    """All cameras, visible first, numbered from 1."""
    views = [("visible", v) for v in levels.visible_views] + [("infrared", v) for v in levels.infrared_views]
    return tuple(_draw_camera(levels, seed, i + 1, m, v) for i, (m, v) in enumerate(views))  # type: ignore[arg-type]


def _draw_camera(levels: Levels, seed: int, number: int, modality: Modality, view: float) -> Camera:
    rng = np.random.default_rng((seed, 4, number))
    side = rng.choice([-1.0, 1.0]) * rng.uniform(0.3, 0.7)
    exposure = 1 + levels.exposure * rng.uniform(-1, 1)
    if modality == "visible":
        gain = tuple(float(g) for g in exposure * (1 + levels.tint * rng.uniform(-1, 1, 3)))
        offset = float(rng.uniform(0.0, 0.06))
    else:
        gain = (float(levels.infrared_contrast * exposure),)
        offset = float(rng.uniform(0.12, 0.30))
    low, high = levels.jpeg_quality
    return Camera(
        number=number,
        modality=modality,
        view=float(view),
        elevation=float(rng.uniform(1.8, 3.4)),
        light=(float(side), float(-np.sqrt(1 - side**2))),
        gain=gain,
        offset=offset,
        quality=int(rng.integers(low, high + 1)),
    )


class View(NamedTuple):
    """A camera looking at one walk.

    Attributes:
        position: [3] metres.
        axes: [3 3] rows right, down, ahead.
    """

    position: np.ndarray
    axes: np.ndarray

    def project(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """[... 2] image plane (x right, y down; 1 = 45 degrees) and [...] depth in metres of [... 3] points."""
        seen = (points - self.position) @ self.axes.T
        return seen[..., :2] / seen[..., 2:], seen[..., 2]

    def towards(self, points: np.ndarray) -> np.ndarray:
        """[... 3] unit vectors from the points to the camera."""
        line = self.position - points
        return line / np.linalg.norm(line, axis=-1, keepdims=True)


def look(camera: Camera, degrees: float, distance: float) -> View:
    """The camera looks at the middle of a walk that passes `degrees` off its axis."""
    angle = np.deg2rad(degrees)
    position = np.array([distance * np.cos(angle), distance * np.sin(angle), camera.elevation])
    ahead = np.array([0.0, 0.0, 0.95]) - position
    ahead /= np.linalg.norm(ahead)
    right = np.cross(ahead, [0.0, 0.0, 1.0])
    right /= np.linalg.norm(right)
    return View(position, np.stack([right, np.cross(ahead, right), ahead]))


class Crop(NamedTuple):
    """The detector's box around the walker, frame by frame.

    Attributes:
        centre: [t 2] on the image plane.
        scale: [t] pixels of the stored frame per unit of the image plane.
        size: height and width of the stored frame.
    """

    centre: np.ndarray
    scale: np.ndarray
    size: tuple[int, int]

    def place(self, plane: np.ndarray) -> np.ndarray:
        """[t n 2] pixels (0 = centre of the first pixel) of [t n 2] points on the image plane."""
        middle = np.array([self.size[1] - 1, self.size[0] - 1]) / 2
        return (plane - self.centre[:, None]) * self.scale[:, None, None] + middle


def draw_crop(plane: np.ndarray, size: tuple[int, int], jitter: float, rng: np.random.Generator) -> Crop:
    """A box around all points [t n 2] of the body; its place and size waver over the walk and from frame to frame."""
    low, high = plane.min(axis=1), plane.max(axis=1)
    tall = high[:, 1] - low[:, 1]
    frames = len(plane)
    steady, shaking = rng.standard_normal(3), rng.standard_normal((frames, 3))
    move = jitter * np.clip(0.8 * steady + 0.4 * shaking, -2.5, 2.5)
    centre = (low + high) / 2 + move[:, :2] * tall[:, None]
    return Crop(centre, size[0] * 0.86 * (1 + move[:, 2]) / tall, size)
