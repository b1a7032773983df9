"""The encoder, from frames to frame features: stems, trunk, pooling, and in training SAADG's change of style.

| paper / method                      | here                                                                    |
|-------------------------------------|-------------------------------------------------------------------------|
| f, frame features                   | `frame_features` [n*t d]; `frames` [n t d] is the same, clip by clip    |
| f', features under the style attack | `disturbed_features` [n*t d]; reuses the maps before the last two stages |
| map of the last stage               | `maps` [n*t c h w]                                                      |

An encoder is the only part with two faces: `construct` takes what a training step has, `embed` the frames of one
modality.
"""

from __future__ import annotations

import mindspore as ms
import numpy as np
from mindspore import Tensor, nn, ops

from star.errors import ConfigError, Problem
from star.models.random_inputs import DrawnPer, draw_mixed_style, draw_style, share_rows, share_styles
from star.models.style import StyleAugmentation, restyle
from star.ops import GatherRows
from star.types import ALONE, Share

GIVES = ("frame_features", "frames", "maps")
DISTURBED = "disturbed_features"
_ATTACKED_STAGES = 2
"""The style changes before each of the last two stages of a trunk, after stages 2 and 3 of a ResNet."""


class Encoder(nn.Cell):
    """Both modalities as one batch through a trunk, behind a stem for each where the trunk has them.

    A trunk is a cell with `out_channels`. One with `stem(frames, infrared)` and `stages`, cells in their order, can
    have a stem for each modality and its style attacked; any other is called with the frames [m 3 h w] of both.

    Args:
        backbone: the trunk.
        frame_pooling: from maps [m c h w] to features [m d]; one that gives more names it in `more_gives`.
        style_augmentation: random gains and channel orders in training.
        style_attack: a second pass through the last stages with changed style in training.
        gain: smallest and largest random gain.
        style_per: whether gains and orders are drawn for every frame or for every clip.
        permute_channels: whether the channels of visible frames come in random order, too.
        share: of every batch; the style attack takes styles of the whole batch.

    Attributes:
        out_channels: d.
        streams: frames that a clip has for each of its T.
        embed_gives: what `embed` gives.
        non_negative: whether frame features cannot be below zero.

    Raises:
        ConfigError: the trunk has too few stages for the attack.
    """

    across_rows = True
    streams = 1

    def __init__(
        self,
        backbone: nn.Cell,
        frame_pooling: nn.Cell,
        *,
        style_augmentation: bool = True,
        style_attack: bool = True,
        gain: tuple[float, float] = (0.5, 1.5),
        style_per: DrawnPer = "frame",
        permute_channels: bool = True,
        share: Share = ALONE,
    ) -> None:
        super().__init__(auto_prefix=False)
        self.backbone = backbone
        self.frame_pooling = frame_pooling
        self.out_channels = int(getattr(frame_pooling, "out_channels", backbone.out_channels))
        self.non_negative = bool(
            getattr(frame_pooling, "non_negative", False) and getattr(backbone, "non_negative", False)
        )
        self.has_stem = hasattr(backbone, "stem")
        self.stages = list(getattr(backbone, "stages", (backbone,)))
        self.clean_stages = len(self.stages) - _ATTACKED_STAGES
        self.gain = gain
        self.style_per: DrawnPer = style_per
        self.permute_channels = permute_channels
        self.style_augmentation = style_augmentation
        self.style_attack = style_attack
        self.augment_style = StyleAugmentation()
        self.gather_rows = GatherRows(share) if share.world_size > 1 else None
        self.reads = (
            *self.batch_reads,
            *(("gains", "channels") if style_augmentation else ()),
            *(("same_modality", "other_modality") if style_attack else ()),
        )
        more = tuple(getattr(frame_pooling, "more_gives", ()))
        self.pooling_gives_more = len(more) > 0
        self.embed_gives = (*GIVES, *more)
        self.gives = (*self.embed_gives, DISTURBED) if style_attack else self.embed_gives
        if style_attack and self.clean_stages < 0:
            given = f"true, with a trunk of {len(self.stages)} stage"
            expected = f"false, or a backbone whose `stages` are {_ATTACKED_STAGES} cells or more"
            raise ConfigError([Problem("style.attack", given, expected)])

    batch_reads: tuple[str, ...] = ("visible", "infrared")

    def random_inputs(self, rng: np.random.Generator, clips: int, frames: int) -> dict[str, np.ndarray]:
        """All draws of augmentation and attack, also where one is off: what is drawn after them stays the same."""
        return draw_style(rng, clips, frames, self.gain, self.style_per, permute=self.permute_channels)

    share_random_inputs = staticmethod(share_styles)

    def construct(self, visible: Tensor, infrared: Tensor, *random: Tensor) -> tuple[Tensor, ...]:
        """Normalised frames [b t 3 h w] of each modality, then `random_inputs` that are read -> `gives`."""
        b, t, c, h, w = visible.shape
        visible = ops.reshape(visible, (b * t, c, h, w))
        infrared = ops.reshape(infrared, (b * t, c, h, w))
        if self.style_augmentation:
            gains = ops.reshape(random[0], (2, b * t, c))
            channels = ops.reshape(random[1], (2, b * t, c))
            visible = self.augment_style(visible, gains[0], channels[0])
            infrared = self.augment_style(infrared, gains[1], channels[1])
        if self.has_stem:
            visible, infrared = self.backbone.stem(visible, False), self.backbone.stem(infrared, True)
        return self.encode(ops.cat((visible, infrared), 0), 2 * b, t, random)

    def encode(self, x: Tensor, clips: int, frames: int, random: tuple) -> tuple[Tensor, ...]:
        """What the stems give [n*t c h w] -> `gives`."""
        if not self.style_attack:
            return self.clean(x, clips, frames)
        shallow = self.through(x, 0, self.clean_stages)
        clean = self.features(self.through(shallow, self.clean_stages, len(self.stages)), clips, frames)
        rows = random[len(random) - 2 :]
        attacked = self.stages[self.clean_stages](restyle(shallow, rows[0], self.gather_rows))
        attacked = self.stages[self.clean_stages + 1](restyle(attacked, rows[1], self.gather_rows))
        return clean + self.features(attacked, clips, frames)[:1]

    def clean(self, x: Tensor, clips: int, frames: int) -> tuple[Tensor, ...]:
        """What the stems give [n*t c h w] -> `embed_gives`."""
        return self.features(self.through(x, 0, len(self.stages)), clips, frames)

    def through(self, x: Tensor, first: int, stop: int) -> Tensor:
        """The maps after some stages."""
        for position in range(first, stop):
            x = self.stages[position](x)
        return x

    def features(self, maps: Tensor, clips: int, frames: int) -> tuple[Tensor, ...]:
        """Maps of the last stage -> frame features, the same clip by clip, the maps, what the pooling gives beside."""
        more = ()
        if self.pooling_gives_more:
            given = self.frame_pooling(maps)
            pooled, more = ops.cast(given[0], ms.float32), given[1:]
        else:
            pooled = ops.cast(self.frame_pooling(maps), ms.float32)
        return (pooled, ops.reshape(pooled, (clips, frames, -1)), maps) + more

    def embed(self, frames: Tensor, infrared: bool) -> tuple[Tensor, ...]:
        """Normalised frames [b t 3 h w] of one modality -> `embed_gives`."""
        b, t, c, h, w = frames.shape
        x = ops.reshape(frames, (b * t, c, h, w))
        if self.has_stem:
            x = self.backbone.stem(x, infrared)
        return self.clean(x, b, t)


class MixedEncoder(Encoder):
    """Clips of both modalities in any order, through one stem: for batches that are blind to the modality.

    The style attack pairs rows of two halves, which such a batch does not have.

    Args:
        backbone, frame_pooling, style_augmentation, gain, style_per, permute_channels: see `Encoder`.
        style_attack: must be off.

    Raises:
        ConfigError: a stem for each modality, or the style attack.
    """

    batch_reads = ("clips",)
    share_random_inputs = staticmethod(share_rows)

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
    ) -> None:
        if hasattr(backbone, "stem") and not getattr(backbone, "one_stem", False):
            expected = "a backbone with one stem for both modalities (backbone.stems=one)"
            raise ConfigError([Problem("stream", "mixed clips through two stems", expected)])
        if style_attack:
            expected = "false (style=none or gains): the attack needs a visible and an infrared half"
            raise ConfigError([Problem("style.attack", "true", expected)])
        super().__init__(
            backbone,
            frame_pooling,
            style_augmentation=style_augmentation,
            style_attack=False,
            gain=gain,
            style_per=style_per,
            permute_channels=permute_channels,
        )
        if style_augmentation:
            self.reads = ("clips", "modality", "gains", "channels")
        self.own_order = Tensor(np.arange(3), ms.int32)

    def random_inputs(self, rng: np.random.Generator, clips: int, frames: int) -> dict[str, np.ndarray]:
        """Gains and orders of every row, as if all were visible: which are is known in the step."""
        return draw_mixed_style(rng, clips, frames, self.gain, self.style_per, permute=self.permute_channels)

    def construct(self, clips: Tensor, *rest: Tensor) -> tuple[Tensor, ...]:
        """Normalised frames [n t 3 h w], with the style augmentation modality [n] and its draws -> `gives`."""
        n, t, c, h, w = clips.shape
        x = ops.reshape(clips, (n * t, c, h, w))
        if self.style_augmentation:
            infrared = ops.reshape(ops.equal(rest[0], 1), (n, 1, 1))
            gains = ops.where(infrared, rest[1][:, :, :1], rest[1])
            channels = ops.where(infrared, self.own_order, rest[2])
            x = self.augment_style(x, ops.reshape(gains, (n * t, c)), ops.reshape(channels, (n * t, c)))
        if self.has_stem:
            x = self.backbone.stem(x, False)
        return self.clean(x, n, t)
