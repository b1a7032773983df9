"""Options of the augmentation of training clips."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from star.bounds import number, numbers, probability

DrawnPer = Literal["clip", "frame"]


@dataclass(frozen=True, kw_only=True)
class AugmentationOptions:
    """conf/dataset, key `augmentation`.

    Attributes:
        pad: pixels around the resized frame before the random crop.
        flip: probability.
        erase: probability.
        erase_area: range of the erased share of the frame.
        erase_aspect: range of height / width of the erased rectangle, uniform in its logarithm.
        geometry: whether crop and flip are drawn for the clip or for every frame.
        erase_per: the same for the erasing, its probability included.
        weighted_greyscale, channel_exchange: probability that a visible clip is made grey in that way; the exchange is
            for clips the greyscale has left in colour.
        colour_jitter, infrared_jitter: probability that a visible, an infrared clip is jittered.
        brightness, contrast, saturation: x draws a jitter's factor uniformly from 1 - x .. 1 + x.
    """

    pad: int = number(minimum=0)
    flip: float = probability()
    erase: float = probability()
    erase_area: list[float] = numbers(2, above=0, maximum=1)
    erase_aspect: list[float] = numbers(2, above=0)
    geometry: DrawnPer = "clip"
    erase_per: DrawnPer = "clip"
    weighted_greyscale: float = probability(0.0)
    channel_exchange: float = probability(0.0)
    colour_jitter: float = probability(0.0)
    infrared_jitter: float = probability(0.0)
    brightness: float = number(default=0.0, minimum=0, maximum=1)
    contrast: float = number(default=0.0, minimum=0, maximum=1)
    saturation: float = number(default=0.0, minimum=0, maximum=1)

    @property
    def changes_colours(self) -> bool:
        """Whether some clips change their colours."""
        return max(self.weighted_greyscale, self.channel_exchange, self.colour_jitter, self.infrared_jitter) > 0
