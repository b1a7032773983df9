"""Joints into pixels of the stored frames, and the check that they are such pixels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple

import numpy as np

from star.data.frame_size import frame_size
from star.data.skeleton_checks import LOOKS_NORMALISED, are_far
from star.data.skeleton_source import measure_spread
from star.errors import DataError
from star.pose.frame_list import FrameList
from star.pose.importers.continuing import Crop
from star.pose.importers.frame_names import Frame
from star.pose.importers.result import Person

Coordinates = Literal["pixels", "normalised", "centred"]
COORDINATES: tuple[Coordinates, ...] = ("pixels", "normalised", "centred")
"""Pixels; 0..1 of the frame (OpenPose's `--keypoint_scale 3`); -1..1 of the frame (`--keypoint_scale 4`)."""

_UNKNOWN_SIZE = (128, 64)
_MAY_BE_FAR = 500.0
"""Pixels: only frames with a larger coordinate are opened to see whether it is far outside, for that takes time."""


class Placed(NamedTuple):
    """Skeletons as they are stored.

    Attributes:
        skeletons: [j 3] float32 of each frame, in pixels of the stored frame, confidence in 0..1.
        far: frame and number of each joint more than ten frame sizes outside, which got confidence 0.
        unreadable: messages about frames whose size is needed and cannot be read.
        clipped: confidences outside 0..1, set to the nearer end.
        largest: of the confidences before.
    """

    skeletons: dict[Frame, np.ndarray]
    far: list[tuple[Frame, int]]
    unreadable: list[str]
    clipped: int
    largest: float


def place_in_stored_frames(
    persons: Mapping[Frame, Person],
    splits: Mapping[str, FrameList],
    coordinates: Coordinates,
    source_size: tuple[int, int] | None,
) -> Placed:
    """Scale every skeleton to its stored frame.

    Args:
        persons: of the frames.
        splits: where the frames are; only their headers are read, and only if a size is needed: to scale joints, or
            for joints in pixels with a coordinate beyond 500.
        coordinates: of the persons' joints.
        source_size: (height, width) of the frames the joints are pixels of; None: the stored ones.

    Raises:
        DataError: the size of no frame can be read.
    """
    placed: dict[Frame, np.ndarray] = {}
    far: list[tuple[Frame, int]] = []
    unreadable = []
    clipped, largest = 0, 0.0
    for frame, person in persons.items():
        joints = person.joints.copy()
        scaled = coordinates != "pixels" or source_size is not None
        size = None
        if scaled or np.abs(joints[joints[:, 2] > 0, :2]).max(initial=0) > _MAY_BE_FAR:
            try:
                size = frame_size(splits[frame.split].frames, frame.key)
            except DataError as error:
                if scaled:
                    unreadable.append(str(error))
                    continue
        if size is not None:
            height, width = size
            if coordinates == "centred":
                joints[joints[:, 2] > 0, :2] += 1
            if scaled:
                rows, columns = source_size or ((2, 2) if coordinates == "centred" else (1, 1))
                joints[:, :2] *= (width / columns, height / rows)
            outside = are_far(joints[:, :2] / (width, height)) & (joints[:, 2] > 0)
            joints[outside] = 0
            far.extend((frame, int(joint)) for joint in np.flatnonzero(outside))
        confidence = joints[:, 2].clip(0, 1)
        largest = max(largest, float(joints[:, 2].max()))
        clipped += int((confidence != joints[:, 2]).sum())
        joints[:, 2] = confidence
        placed[frame] = joints.astype(np.float32)
    if not placed:
        raise DataError(f"the size of no frame can be read; first: {unreadable[0]}")
    return Placed(placed, far, unreadable, clipped, largest)


def crop_of(
    frame: Frame, splits: Mapping[str, FrameList], coordinates: Coordinates, source_size: tuple[int, int] | None
) -> Crop:
    """Middle and height of a frame in the units of its persons' joints; a usual size where it cannot be read."""
    if coordinates == "centred":
        return Crop(0, 0, 2)
    if coordinates == "normalised":
        return Crop(0.5, 0.5, 1)
    try:
        height, width = source_size or frame_size(splits[frame.split].frames, frame.key)
    except DataError:
        height, width = _UNKNOWN_SIZE
    return Crop(width / 2, height / 2, height)


def require_plausible(
    skeletons: Mapping[Frame, np.ndarray], splits: Mapping[str, FrameList], coordinates: Coordinates, given: str
) -> list[str]:
    """Refuse joints that cannot be pixels of the stored frames.

    Args:
        skeletons: in pixels of the stored frames.
        splits: where the frames are; frames whose size cannot be read are passed over.
        coordinates: what the source was said to have.
        given: the source, for messages.

    Returns:
        For each split whose joints look as if they were found on images of another size, why.

    Raises:
        DataError: no joint of a split has a confidence above 0, all coordinates of a split are within -2..2 though they
            should be pixels, or most confident joints of a sample of frames lie outside their frame.
    """
    doubts = []
    for split, listed in splits.items():
        keys = [key for key in listed.keys if Frame(split, key) in skeletons]
        if keys and all((skeletons[Frame(split, key)][:, 2] <= 0).all() for key in keys):
            raise DataError(
                f"{given}: no joint of {split} has a confidence above 0, expected 0..1: confidences that were stored "
                "as whole numbers are lost, and those below 0 count as 0; write the results with floating point numbers"
            )
        largest = max((float(np.abs(skeletons[Frame(split, key)][:, :2]).max()) for key in keys), default=0.0)
        if coordinates == "pixels" and 0 < largest <= LOOKS_NORMALISED:
            raise DataError(
                f"{given}: no coordinate of {split} is larger than {largest:g}, expected pixels; give "
                "coordinates=normalised (0..1) or coordinates=centred (-1..1)"
            )
        spread = measure_spread(listed.frames, keys, lambda key, split=split: skeletons[Frame(split, key)])
        if 2 * spread.inside < spread.joints:
            advice = (
                "give source_size=[HEIGHT,WIDTH] if the joints were estimated on resized frames"
                if coordinates == "pixels"
                else f"coordinates={coordinates} may be wrong: give coordinates=pixels if they are pixels"
            )
            raise DataError(
                f"{given}: {spread.inside} of {spread.joints} confident joints lie inside a sample of the frames of "
                f"{split}, expected most of them; {advice}"
            )
        if spread.doubt:
            doubts.append(f"{split}: {spread.doubt}; if so, give source_size=[HEIGHT,WIDTH]")
    return doubts
