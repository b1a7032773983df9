"""Odd numbers of skeleton files: what an import would refuse is refused, what it would correct is noted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from star.data.coco_joints import JOINTS
from star.errors import DataError

LOOKS_NORMALISED = 2.0
"""Joints without a larger coordinate are shares of the frame, not pixels."""

_ENOUGH = 10
CONFIDENT = 0.3
"""Joints with at least this confidence count as found in statistics and plausibility checks."""
FAR = 10.0
"""Joints so many frame sizes outside their frame are no places in it but damage, and count as missing."""
_SHOULDERS, _HIPS, _ANKLES = (
    [JOINTS.index(f"{side}_{part}") for side in ("left", "right")] for part in ("shoulder", "hip", "ankle")
)


def is_upright(joints: np.ndarray) -> bool | None:
    """Whether the shoulders are above the hips and the hips above the ankles, in an image that is not turned.

    Args:
        joints: [j 3].

    Returns:
        None where one of these pairs has no confident joint.
    """
    heights = []
    for pair in (_SHOULDERS, _HIPS, _ANKLES):
        both = joints[pair]
        sure = both[np.isfinite(both).all(axis=1) & (both[:, 2] >= CONFIDENT)]
        if not len(sure):
            return None
        heights.append(float(sure[:, 1].mean(dtype=np.float64)))
    return heights[0] < heights[1] < heights[2]


def are_far(points: np.ndarray) -> np.ndarray:
    """Which points lie more than ten frame sizes outside their frame.

    Args:
        points: [... 2] in shares of the frame.

    Returns:
        [...] bool; False for NaN.
    """
    return ((points < -FAR) | (points > 1 + FAR)).any(axis=-1)


def check_numbers(
    path: Path, format_: str, sample: Sequence[str], read: Callable[[str], np.ndarray | None]
) -> list[str]:
    """Look at the joints of some frames.

    Args:
        path: of the store.
        format_: what `star-skeletons import=` calls it.
        sample: keys of frames.
        read: [j 3] of a frame, or None.

    Returns:
        Notes for the user.

    Raises:
        DataError: the coordinates are shares of the frame.
    """
    found = [joints for key in sample if (joints := read(key)) is not None]
    judged = [upright for person in found if (upright := is_upright(person)) is not None]
    joints = np.concatenate(found) if found else np.empty((0, 3), np.float32)
    joints = joints[np.isfinite(joints).all(axis=1)]
    if not len(joints):
        return []
    largest = float(np.abs(joints[:, :2]).max())
    command = f"star-skeletons import={format_} source={path if format_ == 'npy' else path.parent}"
    if 0 < largest <= LOOKS_NORMALISED:
        raise DataError(
            f"skeletons {path}: no coordinate of {len(found)} sampled frames is larger than {largest:g}, expected "
            f"pixels of the stored frame; {command} coordinates=normalised (0..1) or centred (-1..1) makes them"
        )
    notes = []
    confidence = joints[:, 2]
    outside = int(((confidence < 0) | (confidence > 1)).sum())
    if outside:
        notes.append(
            f"{path.name}: {outside} of {len(joints)} sampled confidences lie outside 0..1 (from {confidence.min():g} "
            f"to {confidence.max():g}) and are taken as 0 or 1; if they have another scale, divide them by it"
        )
    elif len(joints) >= _ENOUGH and np.array_equal(joints, joints.round()):
        notes.append(
            f"{path.name}: all sampled joints are whole numbers, so confidences between 0 and 1 are lost "
            f"({float((confidence <= 0).mean()):.0%} of them are 0); make the file with floating point numbers"
        )
    if len(judged) >= _ENOUGH and 2 * sum(judged) < len(judged):
        notes.append(
            f"{path.name}: in {len(judged) - sum(judged)} of {len(judged)} sampled skeletons shoulders, hips and "
            "ankles do not come in this order from above: are the joints in COCO's order, and x before y?"
        )
    return notes


def check_counting(
    path: Path, format_: str, keys: Sequence[str], sample: Sequence[str], read: Callable[[str], np.ndarray | None]
) -> None:
    """Refuse a store whose frames are counted from 0 where those of the index are counted from 1.

    Args:
        path, format_, sample, read: see `check_numbers`.
        keys: of all frames.

    Raises:
        DataError: every sampled folder has a surplus frame 0 and lacks its last one.
    """
    lasts: dict[str, int] = {}
    for key in keys:
        folder, _, name = key.rpartition("/")
        if name.isdecimal():
            lasts[folder] = max(lasts.get(folder, 0), int(name))
    folders = [folder for folder in dict.fromkeys(key.rpartition("/")[0] for key in sample) if folder in lasts]
    known = set(keys)
    if folders and all(
        f"{folder}/0" not in known and read(f"{folder}/0") is not None and read(f"{folder}/{lasts[folder]}") is None
        for folder in folders
    ):
        raise DataError(
            f"skeletons {path} are counted from 0 and the frames from 1: each of {len(folders)} sampled folders has a "
            f"frame 0 (first {folders[0]}/0) and lacks its last one; star-skeletons import={format_} source="
            f"{path if format_ == 'npy' else path.parent} shift_frames=1 moves them"
        )
