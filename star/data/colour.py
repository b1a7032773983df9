"""Colour augmentations, drawn once a clip: one linear map of the channels, applied to uint8 frames in a single pass.

| option               | what happens to a clip                                 | source                            |
|----------------------|--------------------------------------------------------|-----------------------------------|
| `weighted_greyscale` | visible: a sum of its channels with random weights     | MCJA (TCSVT 2024), M3-ReID (2025) |
| `channel_exchange`   | visible: one channel takes the place of all three      | CAJ (Ye et al., ICCV 2021)        |
| `colour_jitter`      | visible: random brightness, contrast and saturation    | as torchvision's `ColorJitter`    |
| `infrared_jitter`    | infrared: random brightness and contrast               | ours, with the same definitions   |

We differ: one draw holds for all frames of a clip; values are rounded and clipped once, after everything, so the order
of the three jitters does not matter; the contrast's pivot is taken from every sixteenth pixel of a frame. Weights are
uniform in 0..1, divided by their sum, as in the two sources, whose weighted sums `greyscale_values=cut` has exactly. No
hue: in uint8 it costs more than all of this together.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import cv2
import numpy as np

from star.data.augmentation import AugmentationOptions
from star.types import Modality

LUMINANCE = (0.299, 0.587, 0.114)
"""ITU-R BT.601 weights of red, green and blue."""

_PIVOT_STEP = 4


class Colour(NamedTuple):
    """What is done to the colours of every frame of a clip.

    Attributes:
        brightness, contrast, saturation: factors as in torchvision; 1 changes nothing.
        grey: weights of red, green and blue, sum 1, of the value that replaces all three; None: stays in colour.
        cut: whether the fraction of that value is cut off, in double precision, and not rounded.
    """

    brightness: float = 1.0
    contrast: float = 1.0
    saturation: float = 1.0
    grey: tuple[float, float, float] | None = None
    cut: bool = False


UNCHANGED = Colour()


def draw_colour(rng: np.random.Generator, modality: Modality, options: AugmentationOptions) -> Colour:
    """Draw the colours of one clip.

    The same ten numbers are taken from `rng` whatever the options, so that switching one on leaves the other draws
    alone. An eleventh would move those of the clip's later frames: what is new draws from `rng.spawn(1)[0]`.
    """
    drawn = rng.random(10)
    if not options.changes_colours:
        return UNCHANGED
    jitter, grey, exchange, channel, *shares = 1 - drawn
    visible = modality == "visible"
    colour = UNCHANGED
    if jitter <= (options.colour_jitter if visible else options.infrared_jitter):
        ranges = (options.brightness, options.contrast, options.saturation if visible else 0.0)
        colour = Colour(*(1 + far * (2 * share - 1) for far, share in zip(ranges, shares[:3], strict=True)))
    if visible and grey <= options.weighted_greyscale:
        red, green, blue = shares[3:] / np.sum(shares[3:])
        return colour._replace(grey=(float(red), float(green), float(blue)), cut=options.greyscale_values == "cut")
    if visible and exchange <= options.channel_exchange:
        chosen = int(3 * (1 - channel))
        return colour._replace(grey=(float(chosen == 0), float(chosen == 1), float(chosen == 2)))
    return colour


def recolour(frame: np.ndarray, colour: Colour) -> None:
    """Change the colours of a frame in place.

    Args:
        frame: [h w 3] uint8, RGB, contiguous.
        colour: of the clip.
    """
    if colour == UNCHANGED:
        return
    if colour.grey is not None and colour.cut:
        recolour(frame, colour._replace(grey=None, cut=False))
        red, green, blue = colour.grey
        grey = red * frame[..., 0] + green * frame[..., 1] + blue * frame[..., 2]
        frame[...] = grey.astype(np.uint8)[..., None]
        return
    linear = _linear(colour)
    offset = (1 - colour.contrast) * colour.brightness * _mean_luminance(frame) if colour.contrast != 1 else 0.0
    cv2.transform(frame, np.column_stack([linear, np.full(3, offset)]), dst=frame)


@lru_cache(maxsize=256)
def _linear(colour: Colour) -> np.ndarray:
    """[3 3]: from red, green and blue to the new ones, apart from the contrast's offset."""
    saturated = colour.saturation * np.eye(3) + (1 - colour.saturation) * np.tile(LUMINANCE, (3, 1))
    jittered = colour.brightness * colour.contrast * saturated
    return jittered if colour.grey is None else np.tile(np.array(colour.grey) @ jittered, (3, 1))


def _mean_luminance(frame: np.ndarray) -> float:
    height, width = (-(-side // _PIVOT_STEP) for side in frame.shape[:2])
    sampled = cv2.resize(frame, (width, height), interpolation=cv2.INTER_NEAREST)
    return float(np.dot(LUMINANCE, cv2.mean(sampled)[:3]))
