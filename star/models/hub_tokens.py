"""Hub tokens, through which the frames of a clip exchange what they have seen (VLD, TIFS 2025).

| release                                                | here                                            |
|--------------------------------------------------------|-------------------------------------------------|
| T learned tokens a frame, appended before block 10     | `HubTokens`                                     |
| slot s of frame t for slot t of frame s, before 11, 12 | `HubExchange`                                   |
"""

from __future__ import annotations

import mindspore as ms
import numpy as np
from mindspore import Parameter, Tensor, nn, ops


class HubTokens(nn.Cell):
    """Appends to the tokens of every frame the hub tokens of its position in the clip.

    Args:
        channels: d.
        frames: T of every clip, and slots of a frame.
    """

    def __init__(self, channels: int, frames: int) -> None:
        super().__init__()
        self.tokens = Parameter(Tensor(np.zeros((frames, frames, channels), np.float32)), name="tokens")
        self.frames = frames

    def construct(self, x: Tensor) -> Tensor:
        """[n*t l d] -> [n*t l+t d]."""
        clips = x.shape[0] // self.frames
        return ops.cat((x, ops.cast(ops.tile(self.tokens, (clips, 1, 1)), x.dtype)), 1)


class HubExchange(nn.Cell):
    """Exchanges slots between the frames of a clip: slot s of frame t becomes slot t of frame s.

    Args:
        frames: T of every clip.
    """

    def __init__(self, frames: int) -> None:
        super().__init__()
        self.frames = frames

    def construct(self, x: Tensor) -> Tensor:
        """[n*t l+t d] -> the same shape."""
        m, length, d = x.shape
        t = self.frames
        slots = ops.reshape(x[:, length - t :], (m // t, t, t, d))
        slots = ops.reshape(ops.transpose(slots, (0, 2, 1, 3)), (m, t, d))
        return ops.cat((x[:, : length - t], slots), 1)


def hub_tokens_of(tokens: Tensor, frames: int) -> Tensor:
    """The appended tokens [n*t l+t d] of each clip: [n t*t d] float32."""
    m, length, d = tokens.shape
    return ops.cast(ops.reshape(tokens[:, length - frames :], (m // frames, frames * frames, d)), ms.float32)
