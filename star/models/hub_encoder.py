"""An encoder over CLIP's image encoder with hub tokens, and the change of channels in training (VLD, TIFS 2025).

| release                                        | here                                                         |
|------------------------------------------------|--------------------------------------------------------------|
| ln_post of the class token after block 12      | `frames`                                                     |
| class tokens that enter block 12               | `earlier_frames`                                             |
| class tokens and hub tokens after block 12     | `class_tokens`, `hub_tokens`                                 |
| visible clips reduced to one channel           | `draw_channels`, with the probability `one_channel`          |
| infrared frames: one channel for all three     | the same; 3 of 4, else unchanged or grey with even odds      |

Channels are mixed after the normalisation, as in the release: on grey frames that removes nothing but the offsets
between the normalised channels.
"""

from __future__ import annotations

from typing import Annotated

import mindspore as ms
import numpy as np
from mindspore import Tensor, nn, ops

from star.bounds import Bounds
from star.errors import ConfigError, Problem
from star.models.encoder import Encoder
from star.models.hub_tokens import hub_tokens_of
from star.models.random_inputs import share_rows

LUMINANCE = (0.2989, 0.5870, 0.1140)
_MIXED_OF_FOUR = 3


class HubEncoder(Encoder):
    """Both modalities as one batch through `ClipVision` with `hub`.

    Args:
        backbone: the trunk, with `last_two`.
        frame_pooling: of the tokens.
        frames: T of every clip.
        one_channel: probability that a visible clip is reduced to one channel, and whether infrared frames are changed:
            0 leaves these as well.
        style_augmentation, style_attack: must be off.

    Raises:
        ConfigError: a trunk without hub tokens, or a style.
    """

    share_random_inputs = staticmethod(share_rows)

    def __init__(
        self,
        backbone: nn.Cell,
        frame_pooling: nn.Cell,
        frames: int,
        *,
        one_channel: Annotated[float, Bounds(minimum=0, maximum=1)] = 0.5,
        style_augmentation: bool = False,
        style_attack: bool = False,
    ) -> None:
        if getattr(backbone, "hub", None) is None:
            expected = "a backbone with hub tokens (backbone=clip_vit_b16 backbone.hub=true)"
            raise ConfigError([Problem("stream", "a trunk without hub tokens", expected)])
        if style_attack or style_augmentation:
            raise ConfigError([Problem("style", "augmentation or attack", "style=none: they are for other trunks")])
        super().__init__(backbone, frame_pooling, style_augmentation=False, style_attack=False)
        self.frames = frames
        self.one_channel = one_channel
        self.mixes_channels = one_channel > 0
        self.reads = (*self.batch_reads, "mixing") if self.mixes_channels else self.batch_reads
        self.embed_gives = (*self.embed_gives, "earlier_frames", "class_tokens", "hub_tokens")
        self.gives = self.embed_gives

    def random_inputs(self, rng: np.random.Generator, clips: int, frames: int) -> dict[str, np.ndarray]:
        """`mixing` [n t 4]; nothing if no channels are mixed."""
        return {"mixing": draw_channels(rng, clips, frames, self.one_channel)} if self.mixes_channels else {}

    def construct(self, visible: Tensor, infrared: Tensor, *random: Tensor) -> tuple[Tensor, ...]:
        """Normalised frames [b t 3 h w] of each modality, then `random_inputs` that are read -> `gives`."""
        b, t, c, h, w = visible.shape
        x = ops.reshape(ops.cat((visible, infrared), 0), (2 * b * t, c, h, w))
        if self.mixes_channels:
            x = mix_channels(x, ops.reshape(random[0], (2 * b * t, c + 1)))
        return self.clean(x, 2 * b, t)

    def clean(self, x: Tensor, clips: int, frames: int) -> tuple[Tensor, ...]:
        """Normalised frames [n*t 3 h w] -> `embed_gives`."""
        entering, last = self.backbone.last_two(x)
        classes = ()
        for tokens in (entering, last):
            classes = classes + (ops.cast(ops.reshape(tokens[:, 0], (clips, frames, -1)), ms.float32),)
        given = self.features(self.backbone.ln_post(last), clips, frames)
        return given + classes + (hub_tokens_of(last, self.frames),)


def draw_channels(rng: np.random.Generator, clips: int, frames: int, one_channel: float) -> np.ndarray:
    """What each frame becomes, as weights of its three channels and of itself.

    Args:
        rng: its state decides everything.
        clips: n = 2b rows of the batch, visible first.
        frames: T.
        one_channel: probability of a visible clip, all frames of which then become one of their channels each.

    Returns:
        [n t 4] float32: three weights whose sum becomes every channel, and a last one, 1 for frames that stay.
    """
    weights = np.zeros((clips, frames, 4), np.float32)
    visible = clips // 2
    chosen = np.eye(4, dtype=np.float32)[rng.integers(0, 3, (clips, frames))]
    reduced = rng.random(visible) < one_channel
    weights[:visible] = np.where(reduced[:, None, None], chosen[:visible], np.eye(4, dtype=np.float32)[3])
    kind = rng.integers(0, 4, (clips - visible, frames))
    grey = rng.random((clips - visible, frames)) < 0.5
    otherwise = np.where(grey[..., None], np.array([*LUMINANCE, 0], np.float32), np.eye(4, dtype=np.float32)[3])
    weights[visible:] = np.where((kind < _MIXED_OF_FOUR)[..., None], chosen[visible:], otherwise)
    return weights


def mix_channels(frames: Tensor, weights: Tensor) -> Tensor:
    """Frames [m 3 h w] and the weights of `draw_channels` [m 4] -> [m 3 h w]."""
    m, c, h, w = frames.shape
    mixed = ops.bmm(ops.reshape(weights[:, :c], (m, 1, c)), ops.reshape(frames, (m, c, h * w)))
    return frames * ops.reshape(weights[:, c:], (m, 1, 1, 1)) + ops.reshape(mixed, (m, 1, h, w))
