"""Augmentation of frames (method, section "Training recipe"): applied to the pixels and to the joints alike.

One draw holds for all frames of a clip unless the options say otherwise (`draw_clip`).

Resize, pad, random crop and flip are one affine map: a frame is resampled once, in uint8, straight to its final size;
the crop is a shift by whole pixels and the flip a mirror, which need no resampling (on small frames this is four times
faster than `cv2.warpAffine` and equals the chain of single steps exactly). Colours are changed before the padding,
which stays black. Then a rectangle is erased; the joints under it keep their confidence, that of the stored frame.

The interpolation is bilinear. Where a frame is more than twice as large as wanted, bilinear sampling would skip pixels,
so that side is first averaged down to the wanted length (`cv2.INTER_AREA`).

Coordinates are continuous: pixel i covers i .. i + 1, so the frame is 0 .. width and a flip is x -> width - x.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import cv2
import numpy as np

from star.data.augmentation import AugmentationOptions, EraseFill
from star.data.coco_joints import MIRRORED
from star.data.colour import UNCHANGED, Colour, draw_colour, recolour
from star.types import ClipShape, Modality

Rgb = tuple[int, int, int]
ERASED: dict[EraseFill, Rgb] = {"mean": (124, 116, 104), "release": (152, 144, 129)}
"""Colours of erased rectangles: ImageNet's mean; 0.4914, 0.4822, 0.4465 in units of ImageNet's deviations from it."""

_ERASE_ATTEMPTS = 100
_MIRRORED = np.array(MIRRORED)


class Augmentation(NamedTuple):
    """What is done to a frame.

    Attributes:
        right, down: shift of the resized frame in pixels of the augmented frame, before the flip.
        flip: whether the frame is mirrored.
        erased: top, left, height, width of the erased rectangle in the augmented frame.
        colour: change of its colours.
        fill: colour of the erased rectangle.
    """

    right: int = 0
    down: int = 0
    flip: bool = False
    erased: tuple[int, int, int, int] | None = None
    colour: Colour = UNCHANGED
    fill: Rgb = ERASED["mean"]


PLAIN = Augmentation()
"""Only the resize, as at test."""


def draw_augmentation(rng: np.random.Generator, height: int, width: int, options: AugmentationOptions) -> Augmentation:
    """Draw the geometry of one frame, or of a whole clip; colours stay as they are.

    Args:
        rng: the clip's own.
        height, width: of the augmented frame.
        options: of the augmentation.
    """
    pad = options.pad
    down, right = (pad - int(offset) for offset in rng.integers(0, 2 * pad, size=2, endpoint=True))
    mirrored = bool(rng.random() < options.flip)
    erased = _draw_rectangle(rng, height, width, options) if rng.random() < options.erase else None
    return Augmentation(right, down, mirrored, erased, fill=ERASED[options.erase_fill])


def draw_clip(
    rng: np.random.Generator, modality: Modality, shape: ClipShape, options: AugmentationOptions
) -> list[Augmentation]:
    """Draw the augmentation of each frame of one clip.

    Draws per frame start with the draw the whole clip would have had, so a clip's first frame and its colours do not
    depend on `geometry` and `erase_per`. Colours are always drawn for the clip.

    Args:
        rng: the clip's own.
        modality: of the clip; some colour options are for one modality.
        shape: of the clip.
        options: of the augmentation.

    Returns:
        t augmentations.
    """
    first = draw_augmentation(rng, shape.height, shape.width, options)
    first = first._replace(colour=draw_colour(rng, modality, options))
    drawn = [first] * shape.frames
    if "frame" in (options.geometry, options.erase_per):
        for row in range(1, shape.frames):
            own = draw_augmentation(rng, shape.height, shape.width, options)
            placed = own if options.geometry == "frame" else first
            erased = own.erased if options.erase_per == "frame" else first.erased
            drawn[row] = placed._replace(erased=erased, colour=first.colour)
    return drawn


def augment_frame(frame: np.ndarray, augmentation: Augmentation, out: np.ndarray) -> None:
    """Resize and augment one frame.

    Args:
        frame: [h' w' 3] uint8, any size; one of the right size is not resampled.
        augmentation: of the frame.
        out: [h w 3] uint8, contiguous; receives the result.
    """
    height, width = out.shape[:2]
    frame = _reduce(frame, height, width)
    right, down, flip, erased, colour, fill = augmentation
    moved = flip or right != 0 or down != 0
    if frame.shape != out.shape or colour != UNCHANGED or not moved:
        frame = cv2.resize(frame, (width, height), dst=None if moved else out, interpolation=cv2.INTER_LINEAR)
        recolour(frame, colour)
    if moved:
        _place(frame, flip, right, down, out)
    if erased is not None:
        top, left, rows, columns = erased
        out[top : top + rows, left : left + columns] = _erased_row(columns, fill)


def augment_joints(joints: np.ndarray, augmentations: Sequence[Augmentation], height: int, width: int) -> np.ndarray:
    """Move the joints of each frame with its pixels; a flip swaps left and right.

    Args:
        joints: [t j c] float32, c >= 2: x and y in 0..1 of the stored frame, the rest is kept.
        augmentations: t, of the frames.
        height: of the augmented frame.
        width: of the augmented frame.

    Returns:
        [t j c], x and y in 0..1 of the augmented frame; outside that range where the crop cut the joint off.
    """
    first = augmentations[0]
    if all(augmentation is first for augmentation in augmentations):
        moved = joints[:, _MIRRORED] if first.flip else joints.copy()
        moved[..., 0] += np.float32(first.right / width)
        moved[..., 1] += np.float32(first.down / height)
        if first.flip:
            np.subtract(1, moved[..., 0], out=moved[..., 0])
        return moved
    flipped = np.array([a.flip for a in augmentations])[:, None]
    moved = np.where(flipped[..., None], joints[:, _MIRRORED], joints)
    moved[..., 0] += np.array([a.right / width for a in augmentations], np.float32)[:, None]
    moved[..., 1] += np.array([a.down / height for a in augmentations], np.float32)[:, None]
    moved[..., 0] = np.where(flipped, 1 - moved[..., 0], moved[..., 0])
    return moved


def _reduce(frame: np.ndarray, height: int, width: int) -> np.ndarray:
    """Average down each side that is more than twice too long."""
    rows, columns = frame.shape[:2]
    size = (width if columns > 2 * width else columns, height if rows > 2 * height else rows)
    return frame if size == (columns, rows) else cv2.resize(frame, size, interpolation=cv2.INTER_AREA)


@lru_cache
def _erased_row(columns: int, fill: Rgb) -> np.ndarray:
    return np.tile(np.array(fill, np.uint8), (columns, 1))


def _place(image: np.ndarray, flip: bool, right: int, down: int, out: np.ndarray) -> None:
    """Copy a shifted image, mirrored after the shift, and blacken what it leaves uncovered."""
    height, width = out.shape[:2]
    top, bottom = max(0, down), height + min(0, down)
    left, end = max(0, right), width + min(0, right)
    kept = image[top - down : bottom - down, left - right : end - right]
    if flip:
        kept = cv2.flip(kept, 1)
        left, end = width - end, width - left
    cv2.copyMakeBorder(kept, top, height - bottom, left, width - end, cv2.BORDER_CONSTANT, out, (0, 0, 0))


def _draw_rectangle(
    rng: np.random.Generator, height: int, width: int, options: AugmentationOptions
) -> tuple[int, int, int, int] | None:
    """Random erasing (Zhong et al., 2020); None if no rectangle of a hundred fits into the frame."""
    smallest, largest = options.erase_area
    lowest, highest = options.erase_aspect
    log_uniform = options.erase_law == "log_uniform"
    if log_uniform:
        lowest, highest = math.log(lowest), math.log(highest)
    for _ in range(_ERASE_ATTEMPTS):
        pixels = height * width * rng.uniform(smallest, largest)
        drawn = rng.uniform(lowest, highest)
        ratio = math.exp(drawn) if log_uniform else drawn
        rows, columns = round(math.sqrt(pixels * ratio)), round(math.sqrt(pixels / ratio))
        if 0 < rows < height and 0 < columns < width:
            top = int(rng.integers(0, height - rows, endpoint=True))
            left = int(rng.integers(0, width - columns, endpoint=True))
            return top, left, rows, columns
    return None
