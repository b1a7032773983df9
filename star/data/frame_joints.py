"""Joints of frames from the store: normalised to the frame, what is missing found, gaps filled.

Policy for gaps. A joint is missing when its frame has no skeleton, when one of its numbers is not finite, when it
lies more than ten frame sizes outside its frame, when its confidence is below `min_confidence`, or when that is 0, with
which estimators mark a joint they did not find. Cleaning
(`star.data.cleaning`), if it is switched on, fills short gaps from the tracklet. A joint that is still missing gets
confidence 0 and the coordinates of the same joint in the nearest frame of the clip that has it (the earlier one of
two); zeros if no frame has it. Coordinates are copied after normalisation, because the stored frames of a tracklet
differ in size.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from star.data.skeleton_checks import are_far
from star.types import NUMBER_OF_JOINTS, SkeletonStore


class FrameJoints(NamedTuple):
    """Joints of some frames.

    Attributes:
        joints: [t j 3] float32, x and y in 0..1 of the stored frame, confidence in 0..1; 0 where missing.
        present: [t j] bool, False where missing.
        without: [t] bool, the frame has no skeleton.
        not_finite: [t j] bool, stored with a number that is not finite.
        far: [t j] bool, stored with a place more than ten frame sizes outside.
        low: [t j] bool, stored with confidence 0 or below the smallest confidence.
        interpolated: [t j] bool, missing in the store, filled by the cleaning.
    """

    joints: np.ndarray
    present: np.ndarray
    without: np.ndarray
    not_finite: np.ndarray
    far: np.ndarray
    low: np.ndarray
    interpolated: np.ndarray

    @property
    def counts(self) -> dict[str, int]:
        """How many of each kind, under the names of `ClipReader.counts`."""
        return {
            "frames_without_skeleton": int(self.without.sum()),
            "nan_joints": int(self.not_finite.sum()),
            "far_joints": int(self.far.sum()),
            "low_joints": int(self.low.sum()),
            "interpolated_joints": int(self.interpolated.sum()),
        }

    def rows(self, rows: Sequence[int]) -> FrameJoints:
        """The frames with these numbers, repeats allowed."""
        return FrameJoints(*(array[list(rows)] for array in self))


def read_joints(
    store: SkeletonStore, keys: Sequence[str], sizes: Sequence[tuple[int, int]], min_confidence: float
) -> FrameJoints:
    """Read the joints of frames and find the missing ones.

    Args:
        store: of the split.
        keys: t frame keys.
        sizes: (height, width) of each stored frame.
        min_confidence: joints below it are missing.
    """
    joints = np.zeros((len(keys), NUMBER_OF_JOINTS, 3), np.float32)
    without = np.ones(len(keys), bool)
    for row, key in enumerate(keys):
        skeleton = store.read(key)
        if skeleton is not None:
            without[row] = False
            joints[row] = skeleton
    joints /= np.array([(width, height, 1) for height, width in sizes], np.float32)[:, None]
    finite = np.isfinite(joints)
    not_finite = np.zeros(finite.shape[:2], bool) if finite.all() else ~finite.all(axis=2)
    confidence = joints[..., 2]
    far = are_far(joints[..., :2]) & (confidence > 0) & ~not_finite
    stored = ~(not_finite | far | without[:, None])
    present = stored & (confidence > 0) & (confidence >= min_confidence)
    joints[~present] = 0
    np.minimum(confidence, 1, out=confidence)
    return FrameJoints(joints, present, without, not_finite, far, stored & ~present, np.zeros_like(present))


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
    filled = joints[distance.argmin(axis=1), np.arange(joints.shape[1])]
    filled[~present, 2] = 0
    filled[:, ~present.any(axis=0)] = 0
    return filled
