"""Options of the augmentation of training clips."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from star.bounds import Relation, number, numbers, probability

DrawnPer = Literal["clip", "frame"]
EraseLaw = Literal["uniform", "log_uniform"]
EraseFill = Literal["release", "mean"]


@dataclass(frozen=True, kw_only=True)
class AugmentationOptions:
    """conf/dataset, key `augmentation`.

    Attributes:
        pad: pixels around the resized frame before the random crop.
        flip: probability.
        erase: probability.
        erase_area: range of the erased share of the frame.
        erase_aspect: range of height / width of the erased rectangle.
        erase_law: whether that is uniform, or uniform in its logarithm.
        erase_fill: what the rectangle is filled with: "mean" of ImageNet, or what the releases of STAR and SAADG have.
        geometry: whether crop and flip are drawn for the clip or for every frame.
        erase_per: the same for the erasing, its probability included.
        joints: whether joints follow the pixels, or stay where they were in the stored frame.
        visible_joints: whose joints a visible clip has: its own, or those of the infrared clip in the same row.
        weighted_greyscale, channel_exchange: probability that a visible clip is made grey in that way; the exchange is
            for clips the greyscale has left in colour.
        greyscale_values: whether weighted sums are rounded, or their fractions cut off.
        colour_jitter, infrared_jitter: probability that a visible, an infrared clip is jittered.
        brightness, contrast, saturation: x draws a jitter's factor uniformly from 1 - x .. 1 + x.
    """

    pad: int = number(minimum=0)
    flip: float = probability()
    erase: float = probability()
    erase_area: list[float] = numbers(2, above=0, maximum=1)
    erase_aspect: list[float] = numbers(2, above=0)
    erase_law: EraseLaw = "log_uniform"
    erase_fill: EraseFill = "mean"
    geometry: DrawnPer = "clip"
    erase_per: DrawnPer = "clip"
    joints: Literal["follow", "stay"] = "follow"
    visible_joints: Literal["own", "infrared"] = "own"
    weighted_greyscale: float = probability(0.0)
    greyscale_values: Literal["rounded", "cut"] = "rounded"
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


RELATIONS = (
    Relation(
        "pad",
        lambda o, dataset: o.pad < min(dataset.height, dataset.width),
        "less than the frame, dataset.height={group.height} and dataset.width={group.width}",
    ),
    Relation("erase_area", lambda o, _: o.erase_area[0] <= o.erase_area[1], "[smallest, largest]"),
    Relation("erase_aspect", lambda o, _: o.erase_aspect[0] <= o.erase_aspect[1], "[smallest, largest]"),
    Relation(
        "channel_exchange",
        lambda o, _: o.channel_exchange == 0 or o.weighted_greyscale < 1,
        "0, or weighted_greyscale below 1, which leaves clips with channels",
    ),
    Relation(
        "colour_jitter",
        lambda o, _: o.colour_jitter == 0 or max(o.brightness, o.contrast, o.saturation) > 0,
        "0, or one of brightness, contrast and saturation above 0",
    ),
    Relation(
        "infrared_jitter",
        lambda o, _: o.infrared_jitter == 0 or max(o.brightness, o.contrast) > 0,
        "0, or one of brightness and contrast above 0",
    ),
)
