"""Augmentation of a clip (method, section "Training recipe"): drawn once, applied to every frame and to the joints.

Resize, pad, random crop and flip are one affine map, so a frame is resampled once, in uint8; then a rectangle is
erased. The result is that of the chain of single steps:

* pixels outside the resized frame are the black of the padding, those at its edge are not mixed with it;
* the interpolation is bilinear. Where a frame is more than twice as large as wanted, bilinear sampling would skip
  pixels, so it is first averaged down to the wanted size (`cv2.INTER_AREA`);
* a shift is a whole number of pixels of the augmented frame.

Coordinates are continuous: pixel i covers i .. i + 1, so the frame is 0 .. width and a flip is x -> width - x.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import cv2
import numpy as np

from star.data.coco import MIRRORED

ERASED = (124, 116, 104)
"""ImageNet's mean colour, RGB, as uint8."""

_ERASE_ATTEMPTS = 100


class Augmentation(NamedTuple):
    """What is done to every frame of a clip.

    Attributes:
        right, down: shift of the resized frame in pixels of the augmented frame, before the flip.
        flip: whether the frame is mirrored.
        erased: top, left, height, width of the erased rectangle in the augmented frame.
    """

    right: int = 0
    down: int = 0
    flip: bool = False
    erased: tuple[int, int, int, int] | None = None


PLAIN = Augmentation()
"""Only the resize, as at test."""


def draw_augmentation(
    rng: np.random.Generator,
    *,
    height: int,
    width: int,
    pad: int,
    flip: float,
    erase: float,
    erase_area: tuple[float, float],
    erase_aspect: tuple[float, float],
) -> Augmentation:
    """Draw the augmentation of one clip.

    Args:
        rng: the clip's own.
        height: of the augmented frame.
        width: of the augmented frame.
        pad: pixels around the resized frame before the crop.
        flip: probability.
        erase: probability.
        erase_area: range of the erased share of the frame.
        erase_aspect: range of height / width of the erased rectangle, uniform in its logarithm.
    """
    down, right = (pad - int(offset) for offset in rng.integers(0, 2 * pad, size=2, endpoint=True))
    mirrored = bool(rng.random() < flip)
    erased = _draw_rectangle(rng, height, width, erase_area, erase_aspect) if rng.random() < erase else None
    return Augmentation(right, down, mirrored, erased)


def augment_frame(frame: np.ndarray, augmentation: Augmentation, out: np.ndarray) -> None:
    """Resize and augment one frame.

    Args:
        frame: [h' w' 3] uint8, any size.
        augmentation: of the clip.
        out: [h w 3] uint8, contiguous; receives the result.
    """
    height, width = out.shape[:2]
    frame = _reduce(frame, height, width)
    right, down, flip, erased = augmentation
    if right == down == 0 and not flip:
        cv2.resize(frame, (width, height), dst=out, interpolation=cv2.INTER_LINEAR)
    else:
        matrix = _source_of_target(frame.shape[:2], (height, width), augmentation)
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        cv2.warpAffine(frame, matrix, (width, height), dst=out, flags=flags, borderMode=cv2.BORDER_REPLICATE)
        out[_uncovered(down, height)] = 0
        out[:, _uncovered(-right if flip else right, width)] = 0
    if erased is not None:
        top, left, rows, columns = erased
        out[top : top + rows, left : left + columns] = ERASED


def augment_joints(joints: np.ndarray, augmentation: Augmentation, height: int, width: int) -> np.ndarray:
    """Move joints with the pixels; a flip swaps left and right.

    Args:
        joints: [t j c], c >= 2: x and y in 0..1 of the stored frame, the rest is kept.
        augmentation: of the clip.
        height: of the augmented frame.
        width: of the augmented frame.

    Returns:
        [t j c], x and y in 0..1 of the augmented frame; outside that range where the crop cut the joint off.
    """
    moved = joints[:, list(MIRRORED)] if augmentation.flip else joints.copy()
    moved[..., 0] += augmentation.right / width
    moved[..., 1] += augmentation.down / height
    if augmentation.flip:
        moved[..., 0] = 1 - moved[..., 0]
    return moved


def _reduce(frame: np.ndarray, height: int, width: int) -> np.ndarray:
    """Average down each side that is more than twice too long."""
    rows, columns = frame.shape[:2]
    size = (width if columns > 2 * width else columns, height if rows > 2 * height else rows)
    return frame if size == (columns, rows) else cv2.resize(frame, size, interpolation=cv2.INTER_AREA)


def _source_of_target(source: tuple[int, ...], target: tuple[int, ...], augmentation: Augmentation) -> np.ndarray:
    """[2 3] map from a pixel of the augmented frame to the stored one; OpenCV's index i is the coordinate i + 0.5."""
    (rows, columns), (height, width) = source, target
    x_scale, y_scale = columns / width, rows / height
    x_start, x_step = (width - 0.5, -1) if augmentation.flip else (0.5, 1)
    return np.array(
        [
            [x_step * x_scale, 0, x_scale * (x_start - augmentation.right) - 0.5],
            [0, y_scale, y_scale * (0.5 - augmentation.down) - 0.5],
        ]
    )


def _uncovered(shift: int, length: int) -> slice:
    return slice(0, shift) if shift >= 0 else slice(length + shift, length)


def _draw_rectangle(
    rng: np.random.Generator, height: int, width: int, area: tuple[float, float], aspect: tuple[float, float]
) -> tuple[int, int, int, int] | None:
    """Random erasing (Zhong et al., 2020); None if no rectangle of a hundred fits into the frame."""
    for _ in range(_ERASE_ATTEMPTS):
        pixels = height * width * rng.uniform(*area)
        ratio = math.exp(rng.uniform(math.log(aspect[0]), math.log(aspect[1])))
        rows, columns = round(math.sqrt(pixels * ratio)), round(math.sqrt(pixels / ratio))
        if 0 < rows < height and 0 < columns < width:
            top = int(rng.integers(0, height - rows, endpoint=True))
            left = int(rng.integers(0, width - columns, endpoint=True))
            return top, left, rows, columns
    return None
