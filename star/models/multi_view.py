"""Multi-view attention over maps (M3-ReID, TIFS 2025).

| paper / release                              | here                                                                 |
|----------------------------------------------|----------------------------------------------------------------------|
| views h w, t w, t h, two heads each          | `hw`, `tw`, `th`: 1x1 convolutions to two channels, sigmoid          |
| (mean over h w of (mask x)^3 + 1e-12)^(1/3)  | of every head; the six are concatenated in this order                |
| masks                                        | `attention_masks` [m 6 h w], which `DiverseAttention` groups by view |

A 1x1 convolution knows one position only, so the views differ in their weights and in what the loss asks of their
masks, not in what they see.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import mindspore as ms
from mindspore import Tensor, nn, ops

from star.models.initial import OWN_RULES, Draw, constant

HEADS = 2
VIEWS = ("hw", "tw", "th")
_POWER, _EPSILON = 3.0, 1e-12


class MultiView(nn.Cell):
    """Generalised means of a map under each of six learned masks, of maps that are not negative.

    Args:
        channels: c.

    Attributes:
        out_channels: 6 c.
        more_gives: names of what it gives beside the features.
    """

    non_negative = True
    more_gives = ("attention_masks",)
    initial: ClassVar[Mapping[str, Draw | None]] = {r"\.bias$": constant(0.0), **OWN_RULES}

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.hw, self.tw, self.th = (nn.Conv2d(channels, HEADS, 1, has_bias=True) for _ in VIEWS)
        self.out_channels = len(VIEWS) * HEADS * channels

    def construct(self, maps: Tensor) -> tuple[Tensor, Tensor]:
        """[m c h w] -> features [m 6c], masks [m 6 h w], both float32."""
        logits = ops.cat((self.hw(maps), self.tw(maps), self.th(maps)), 1)
        masks = ops.sigmoid(ops.cast(logits, ms.float32))
        m, c, h, w = maps.shape
        x = ops.pow(ops.maximum(ops.cast(maps, ms.float32), 0.0), _POWER)
        # (mask x)^3 = mask^3 x^3, so the six means are one matrix product of the positions
        cubes = ops.reshape(ops.pow(masks, _POWER), (m, masks.shape[1], h * w))
        means = ops.bmm(cubes, ops.transpose(ops.reshape(x, (m, c, h * w)), (0, 2, 1))) / (h * w)
        return ops.reshape(ops.pow(means + _EPSILON, 1.0 / _POWER), (m, -1)), masks
