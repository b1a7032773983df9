"""Skeletons drawn on frames, for contact sheets and ranked lists."""

from __future__ import annotations

import cv2
import numpy as np

from star.data.coco_joints import BONES
from star.data.skeleton_checks import are_far

_SHIFT = 4
_UNSURE = np.array([230, 40, 40])
_SURE = np.array([40, 230, 60])


def draw_skeleton(frame: np.ndarray, joints: np.ndarray) -> np.ndarray:
    """Draw the bones and joints, from red (confidence 0) to green (1); a bone has its less certain end's colour.

    Joints of confidence 0 (missing), joints that are not finite and joints more than ten frame sizes outside the frame
    are not drawn.

    Args:
        frame: [h w 3] uint8, RGB.
        joints: [j 3], x and y in pixels of the frame, confidence.

    Returns:
        [h w 3] uint8, a new array.
    """
    picture = frame.copy()
    thickness = max(1, frame.shape[0] // 150)
    outside = are_far(joints[:, :2] / (frame.shape[1], frame.shape[0]))
    drawn = np.isfinite(joints).all(axis=1) & (joints[:, 2] > 0) & ~outside
    points = [_fixed_point(x, y) if seen else None for (x, y, _), seen in zip(joints, drawn, strict=True)]
    for start, end in BONES:
        first, second = points[start], points[end]
        if first is not None and second is not None:
            colour = _colour(min(joints[start, 2], joints[end, 2]))
            cv2.line(picture, first, second, colour, thickness, cv2.LINE_AA, _SHIFT)
    for point, confidence in zip(points, joints[:, 2], strict=True):
        if point is not None:
            cv2.circle(picture, point, (thickness + 1) << _SHIFT, _colour(confidence), cv2.FILLED, cv2.LINE_AA, _SHIFT)
    return picture


def _fixed_point(x: float, y: float) -> tuple[int, int]:
    """OpenCV's fixed-point pixel index of a continuous coordinate."""
    return round((float(x) - 0.5) * (1 << _SHIFT)), round((float(y) - 0.5) * (1 << _SHIFT))


def _colour(confidence: float) -> tuple[int, ...]:
    share = min(1.0, max(0.0, float(confidence)))
    return tuple(int(value) for value in _UNSURE + share * (_SURE - _UNSURE))
