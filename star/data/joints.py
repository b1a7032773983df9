"""Joints of a clip from the store: normalised to the frame, gaps filled.

Policy for gaps. A joint is missing when its frame has no skeleton, when one of its numbers is not finite, or when its
confidence is below `min_confidence`. A missing joint gets confidence 0 and the coordinates of the same joint in the
nearest frame of the clip that has it (the earlier one of two); zeros if no frame has it. Coordinates are copied after
normalisation, because the stored frames of a tracklet differ in size.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from star.types import NUMBER_OF_JOINTS, SkeletonStore


class ClipJoints(NamedTuple):
    """Joints of one clip as the store has them.

    Attributes:
        joints: [t j 3] float32, x and y in 0..1 of the stored frame, confidence in 0..1; 0 where missing.
        present: [t j] bool, False where missing.
        frames_without: frames that have no skeleton.
        not_finite: joints with a number that is not finite.
        low: joints below the smallest confidence.
    """

    joints: np.ndarray
    present: np.ndarray
    frames_without: int
    not_finite: int
    low: int


def read_clip_joints(
    store: SkeletonStore, keys: Sequence[str], sizes: Sequence[tuple[int, int]], min_confidence: float
) -> ClipJoints:
    """Read the joints of a clip and find the missing ones.

    Args:
        store: of the split.
        keys: t frame keys.
        sizes: (height, width) of each stored frame.
        min_confidence: joints below it are missing.
    """
    joints = np.zeros((len(keys), NUMBER_OF_JOINTS, 3), np.float32)
    stored = np.zeros(len(keys), bool)
    for row, (key, (height, width)) in enumerate(zip(keys, sizes, strict=True)):
        skeleton = store.read(key)
        if skeleton is not None:
            stored[row] = True
            joints[row] = skeleton / np.array([width, height, 1], np.float32)
    finite = np.isfinite(joints).all(axis=2)
    joints[~finite] = 0
    low = finite & stored[:, None] & (joints[..., 2] < min_confidence)
    present = finite & stored[:, None] & ~low
    joints[~present] = 0
    np.clip(joints[..., 2], 0, 1, out=joints[..., 2])
    return ClipJoints(joints, present, int((~stored).sum()), int((~finite).sum()), int(low.sum()))


def fill_missing(joints: np.ndarray, present: np.ndarray) -> np.ndarray:
    """Give missing joints the coordinates of the nearest frame that has them and confidence 0.

    Args:
        joints: [t j 3].
        present: [t j] bool.

    Returns:
        [t j 3], a new array unless nothing is missing.
    """
    if present.all():
        return joints
    steps = np.arange(len(joints))
    distance = np.where(present[None], np.abs(steps[:, None] - steps)[..., None], len(joints))
    nearest = distance.argmin(axis=1)
    filled = np.take_along_axis(joints, nearest[..., None], axis=0)
    filled[~present, 2] = 0
    filled[:, ~present.any(axis=0)] = 0
    return filled
