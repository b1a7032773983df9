"""Joints that a user gives with his clips as arrays, read like a data set's, and estimators by their names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from star.data.skeleton_checks import LOOKS_NORMALISED
from star.errors import DataError
from star.pose.estimator import Estimator
from star.pose.recipe import ESTIMATORS, EstimatorRecipe
from star.types import NUMBER_OF_JOINTS

_HERE = Path("the joints given")
_LARGEST_CONFIDENCE = 2.0
"""Peaks of heatmaps pass 1 a little, percentages by far."""


class GivenJoints:
    """Joints by the key of their frame.

    Args:
        joints: [j 3] of every frame.
    """

    path = _HERE

    def __init__(self, joints: Mapping[str, np.ndarray]):
        self._joints = joints

    def read(self, key: str) -> np.ndarray:
        """[j 3]: x, y in pixels of the frame, confidence in 0..1."""
        return self._joints[key]

    def provenance(self) -> str:
        """They have none."""
        return "given as arrays"


def given_joints(joints: Sequence[np.ndarray] | np.ndarray, clips: Sequence[Sequence[str]]) -> GivenJoints:
    """Check joints against the clips they belong to.

    Args:
        joints: a [l j 3] for each clip.
        clips: keys of the l frames of each clip.

    Raises:
        DataError: other shapes, coordinates that are shares of the frame, or confidences that are no shares.
    """
    if len(joints) != len(clips):
        raise DataError(f"joints: given for {len(joints)} clips, expected for {len(clips)}")
    by_key: dict[str, np.ndarray] = {}
    for number, (of_clip, keys) in enumerate(zip(joints, clips, strict=True)):
        expected = (len(keys), NUMBER_OF_JOINTS, 3)
        try:
            array = np.asarray(of_clip)
        except ValueError as error:  # rows of different lengths
            raise DataError(f"joints of clip {number}: {error}, expected numbers {list(expected)}") from error
        if array.shape != expected or array.dtype.kind not in "fiu":
            raise DataError(
                f"joints of clip {number}: given {array.dtype} {list(array.shape)}, expected numbers {list(expected)}: "
                "x, y and confidence of 17 joints in COCO's order for each of its frames"
            )
        array = array.astype(np.float32)
        finite = np.abs(array[..., :2][np.isfinite(array[..., :2])])
        largest = float(finite.max(initial=0))
        if 0 < largest <= LOOKS_NORMALISED:
            raise DataError(
                f"joints of clip {number}: no coordinate is larger than {largest:g}, expected pixels of the frame as "
                "it is given: multiply x by its width and y by its height"
            )
        confidence = float(np.nanmax(array[..., 2], initial=0))
        if confidence > _LARGEST_CONFIDENCE:
            raise DataError(f"joints of clip {number}: confidence {confidence:g}, expected 0..1")
        by_key.update(zip(keys, array, strict=True))
    return GivenJoints(by_key)


def named_estimator(text: str) -> Estimator:
    """An estimator by its name.

    Args:
        text: "movenet=FILE", "rtmpose=FILE", "onnx_heatmap=FILE", or "rtmpose", which rtmlib downloads.

    Raises:
        DataError: an unknown name, or a model file that is none.
        StarError: the estimator's runtime is not installed, or the download failed.
    """
    kind, _, file = text.partition("=")
    if kind not in ESTIMATORS or not (file or kind == "rtmpose"):
        expected = ", ".join(f"{name}=FILE" for name in ESTIMATORS)
        raise DataError(f"joints: given {text!r}, expected arrays, an estimator, or one of {expected}, rtmpose")
    if file:
        return EstimatorRecipe(kind, Path(file).expanduser()).build()
    from star.pose.rtmpose import download_rtmpose

    return EstimatorRecipe(kind, download_rtmpose("balanced")).build()
