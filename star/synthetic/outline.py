"""Outlines of simple solids as a camera sees them; everything is vectorised over the frames of a walk."""

from __future__ import annotations

import numpy as np

_ARC = np.linspace(-np.pi / 2, np.pi / 2, 6)
_CIRCLE = np.linspace(0, 2 * np.pi, 14, endpoint=False)


def capsule(a: np.ndarray, b: np.ndarray, radius_a: np.ndarray, radius_b: np.ndarray) -> np.ndarray:
    """[t 12 2] outline of a limb from `a` to `b` (each [t 2]) with its radius (each [t]) at both ends, in pixels."""
    line = b - a
    angle = np.arctan2(line[:, 1], line[:, 0])[:, None]
    return np.concatenate([_arc(b, radius_b, angle), _arc(a, radius_a, angle + np.pi)], axis=1)


def _arc(centre: np.ndarray, radius: np.ndarray, angle: np.ndarray) -> np.ndarray:
    turned = angle + _ARC
    return centre[:, None] + radius[:, None, None] * np.stack([np.cos(turned), np.sin(turned)], axis=-1)


def ellipsoid(centre: np.ndarray, axes: np.ndarray, radii: tuple[float, ...], camera_axes: np.ndarray) -> np.ndarray:
    """[t 14 3] points of the silhouette of an ellipsoid.

    Args:
        centre: [t 3].
        axes: [t 3 3], rows are the directions of the three half axes.
        radii: the half axes.
        camera_axes: [3 3] rows right, down, ahead.
    """
    directions = np.stack([np.cos(_CIRCLE), np.sin(_CIRCLE)], axis=1) @ camera_axes[:2]
    return centre[:, None] + _support(directions, axes, np.array(radii))


def _support(directions: np.ndarray, axes: np.ndarray, radii: np.ndarray) -> np.ndarray:
    """[t n 3] the farthest points of an ellipsoid in each direction [n 3]."""
    along = (directions @ np.swapaxes(axes, 1, 2)) * radii
    along /= np.linalg.norm(along, axis=-1, keepdims=True)
    return (along * radii) @ axes


class Trunk:
    """The torso as a stack of ellipses from the hips to the shoulders.

    Heights along the spine are shares of the torso's length (0 hip joints, 1 base of the neck); angles around it are
    0 to the person's left, 90 degrees to the front.
    """

    _HEIGHTS = np.array([-0.50, -0.16, 0.0, 0.30, 0.62, 0.86, 0.97])

    def __init__(
        self,
        pelvis: np.ndarray,
        neck: np.ndarray,
        pelvis_axes: np.ndarray,
        shoulder_axes: np.ndarray,
        widths: np.ndarray,
        depths: np.ndarray,
    ):
        """`widths` and `depths` [7] are the half axes at the seven heights -0.5 .. 0.97; points [t 3], axes [t 3 3]."""
        self._pelvis, self._spine = pelvis, neck - pelvis
        self._axes = pelvis_axes, shoulder_axes
        self._widths, self._depths = widths, depths

    def _sections(self, heights: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Centres [t n 3] and half axes to the left and to the front [t n 3] at `heights` [n]."""
        centres = self._pelvis[:, None] + heights[:, None] * self._spine[:, None]
        turn = np.clip(heights, 0, 1)[:, None]
        axes = (1 - turn[..., None]) * self._axes[0][:, None] + turn[..., None] * self._axes[1][:, None]
        left = np.interp(heights, self._HEIGHTS, self._widths)[:, None] * axes[:, :, 1]
        front = np.interp(heights, self._HEIGHTS, self._depths)[:, None] * axes[:, :, 0]
        return centres, left, front

    def silhouette(self, heights: np.ndarray, right: np.ndarray, low: float = -1.0, high: float = 1.0) -> np.ndarray:
        """[t 2n 3] outline between two shares (-1 .. 1) of the half width as seen along the axis `right` [3]."""
        centres, left, front = self._sections(heights)
        along = np.stack([left @ right, front @ right], axis=-1)
        along /= np.linalg.norm(along, axis=-1, keepdims=True)
        edge = along[..., :1] * left + along[..., 1:] * front
        return np.concatenate([centres + low * edge, (centres + high * edge)[:, ::-1]], axis=1)

    def surface(self, heights: np.ndarray, degrees: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """[t n 3] points on the surface and [t n 3] their outward directions (not normalised)."""
        centres, left, front = self._sections(heights)
        angle = np.deg2rad(degrees)[:, None]
        out = np.cos(angle) * left + np.sin(angle) * front
        return centres + out, out
