"""Clip features from class tokens and hub tokens (VLD, TIFS 2025).

| release                                                    | here                                              |
|------------------------------------------------------------|---------------------------------------------------|
| v = mean of ln_post(class token)                           | `clip_features` [n d]                             |
| p, v projected to the width of texts                       | `projected_features` [n e]                        |
| r = mean of ln_post(class tokens asking all hub tokens)    | `aggregated_features` [n d]                       |
| v11, mean of the class tokens that enter block 12          | `earlier_features` [n d]                          |

The norm and the projection are the trunk's own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import mindspore as ms
from mindspore import Tensor, nn, ops

from star.errors import ConfigError, Problem
from star.models.frame_guidance import CrossAttention
from star.models.initial import Draw, constant, xavier


class HubAggregation(nn.Cell):
    """Means over the frames of four features.

    Args:
        channels: d.
        backbone: the trunk, `ClipVision` with hub tokens.

    Raises:
        ConfigError: a trunk without hub tokens.
    """

    reads = ("frames", "earlier_frames", "class_tokens", "hub_tokens")
    gives = ("clip_features", "projected_features", "aggregated_features", "earlier_features")
    initial: ClassVar[Mapping[str, Draw | None]] = {
        r"\.(query|key|value)\.weight$": xavier(3),
        r"\.bias$": constant(0.0),
        "": None,
    }

    def __init__(self, channels: int, backbone: nn.Cell) -> None:
        super().__init__()
        if getattr(backbone, "hub", None) is None:
            expected = "another one, or a backbone with hub tokens (backbone=clip_vit_b16 backbone.hub=true)"
            raise ConfigError([Problem("aggregation", "hub_aggregation", expected)])
        self.attn = CrossAttention(channels, backbone.heads)
        self.out_channels = {name: channels for name in self.gives} | {"projected_features": backbone.projection}
        self.of_trunk = (backbone,)  # not as a child: its parameters are the trunk's

    def construct(
        self, frames: Tensor, earlier_frames: Tensor, class_tokens: Tensor, hub_tokens: Tensor
    ) -> tuple[Tensor, ...]:
        """Frames, earlier frames and class tokens [n t d], hub tokens [n t*t d] -> `gives`, float32."""
        trunk = self.of_trunk[0]
        features = ops.mean(ops.cast(frames, ms.float32), 1)
        answers = ops.cast(self.attn(class_tokens, hub_tokens), ms.float32)
        aggregated = ops.mean(trunk.ln_post(answers), 1)
        return features, ops.matmul(features, trunk.proj), aggregated, ops.mean(earlier_frames, 1)
