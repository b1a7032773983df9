"""An encoder with a second last stage, whose features are for the memory of a clip (MITML, CVPR 2022).

| release                                | here                                            |
|----------------------------------------|-------------------------------------------------|
| H, features that are refined           | `frames`, from `stage4`                         |
| L, features the temporal memory reads  | `temporal_frames`, from `temporal_stage4`       |
"""

from __future__ import annotations

import mindspore as ms
from mindspore import Tensor, nn, ops

from star.errors import ConfigError, Problem
from star.models.encoder import Encoder
from star.models.random_inputs import DrawnPer
from star.types import ALONE, Share


class TemporalEncoder(Encoder):
    """Both modalities through a trunk whose last stage exists twice (`second_stage4` of a ResNet).

    Args:
        backbone: the trunk, with `temporal_stage4`.
        frame_pooling, style_augmentation, gain, style_per, permute_channels, share: see `Encoder`.
        style_attack: must be off.

    Raises:
        ConfigError: a trunk with one last stage, or the style attack.
    """

    def __init__(
        self,
        backbone: nn.Cell,
        frame_pooling: nn.Cell,
        *,
        style_augmentation: bool = False,
        style_attack: bool = False,
        gain: tuple[float, float] = (0.5, 1.5),
        style_per: DrawnPer = "frame",
        permute_channels: bool = True,
        share: Share = ALONE,
    ) -> None:
        if getattr(backbone, "temporal_stage4", None) is None:
            expected = "a backbone whose last stage exists twice (backbone.second_stage4=true)"
            raise ConfigError([Problem("stream", "a trunk with one last stage", expected)])
        if style_attack:
            raise ConfigError([Problem("style.attack", "true", "false: the attack is for a trunk with one last stage")])
        super().__init__(
            backbone,
            frame_pooling,
            style_augmentation=style_augmentation,
            style_attack=False,
            gain=gain,
            style_per=style_per,
            permute_channels=permute_channels,
            share=share,
        )
        self.embed_gives = (*self.embed_gives, "temporal_frames")
        self.gives = self.embed_gives

    def clean(self, x: Tensor, clips: int, frames: int) -> tuple[Tensor, ...]:
        """What the stems give [n*t c h w] -> `embed_gives`."""
        shallow = self.through(x, 0, len(self.stages) - 1)
        refined = self.features(self.stages[len(self.stages) - 1](shallow), clips, frames)
        temporal = ops.cast(self.frame_pooling(self.backbone.temporal_stage4(shallow)), ms.float32)
        return refined + (ops.reshape(temporal, (clips, frames, -1)),)
