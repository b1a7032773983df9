"""The crop of top-down models as MMPose prepares it: the box enlarged, given the model's aspect, one affine warp.

The box is the whole frame, for a frame is a person already. Outside the frame the crop is black. As in MMPose the warp
is between pixel indices (index i is the centre of pixel i), without the half-pixel terms of a resize.
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np


class Crop(NamedTuple):
    """A frame prepared for a model.

    Attributes:
        image: [h w 3] uint8, RGB, of the model's input size.
        scale: pixels of the crop in one pixel of the frame.
        left, top: where the frame's pixel index (0, 0) lies in the crop, in pixel indices of the crop.
    """

    image: np.ndarray
    scale: float
    left: float
    top: float

    def to_frame(self, points: np.ndarray) -> np.ndarray:
        """[j 2] x, y as pixel indices of the crop -> continuous pixels of the frame (pixel i covers i .. i + 1)."""
        return (points - (self.left, self.top)) / self.scale + 0.5


def crop_frame(frame: np.ndarray, height: int, width: int, padding: float) -> Crop:
    """Put a whole frame into the input of a model.

    Args:
        frame: [h w 3] uint8.
        height: of the model's input.
        width: of the model's input.
        padding: factor by which the box is larger than the frame.
    """
    rows, columns = frame.shape[:2]
    scale = min(height / rows, width / columns) / padding
    left, top = (width - scale * columns) / 2, (height - scale * rows) / 2
    matrix = np.array([[scale, 0, left], [0, scale, top]])
    return Crop(cv2.warpAffine(frame, matrix, (width, height), flags=cv2.INTER_LINEAR), scale, left, top)
