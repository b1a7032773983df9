"""Class tokens that look into the frames beside them: X-ReID's short-term interaction (AAAI 2026), the public part.

| release                                                            | here                                      |
|--------------------------------------------------------------------|-------------------------------------------|
| a quarter of the channels from the frame before, one from after    | `shift_channels`                          |
| two blocks in which the class token asks the shifted patches       | `AskingBlock`                             |
| s, mean of s_t                                                     | `clip_features`; s_t is `short_term_frames` |

The release shifts in place through overlapping views: on a CPU the first quarter of all frames becomes that of the
first one, on a GPU the result is undefined. Here the shift is the one of the paper.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar

import mindspore as ms
from mindspore import Tensor, nn, ops

from star.bounds import Bounds
from star.models.clip_blocks import check_heads, layer_norm
from star.models.initial import Draw, constant
from star.ops import Rearrange

_BLOCKS, _WIDENING = 2, 4


def shift_channels(patches: Tensor) -> Tensor:
    """Patches [n t l d] -> the same, a quarter of the channels from the frame before, the next from the one after.

    The first and the last frame keep their own where there is no other.
    """
    quarter = patches.shape[3] // 4
    before, after = patches[..., :quarter], patches[..., quarter : 2 * quarter]
    before = ops.cat((before[:, :1], before[:, :-1]), 1)
    after = ops.cat((after[:, 1:], after[:, -1:]), 1)
    return ops.cat((before, after, patches[..., 2 * quarter :]), 3)


class AskingBlock(nn.Cell):
    """Attention of one token to others and a perceptron; query and key are normalised, the value is not.

    Args:
        channels: d.
        heads: a divisor of d.
    """

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.norm_query, self.norm_key, self.norm_hidden = (layer_norm(channels) for _ in range(3))
        self.query, self.key, self.value = (nn.Dense(channels, channels, has_bias=False) for _ in range(3))
        self.out = nn.Dense(channels, channels)
        self.fc1 = nn.Dense(channels, _WIDENING * channels)
        self.fc2 = nn.Dense(_WIDENING * channels, channels)
        self.gelu = nn.GELU(approximate=False)
        self.scale = float(channels // heads) ** -0.5
        self.split = Rearrange("m l (heads c) -> m heads l c", heads=heads)
        self.join = Rearrange("m heads l c -> m l (heads c)")

    def construct(self, asking: Tensor, content: Tensor) -> Tensor:
        """Asking [m 1 d], content [m l d] -> [m 1 d] float32."""
        query = self.split(self.query(self.norm_query(asking))) * self.scale
        key = self.split(self.key(self.norm_key(content)))
        scores = ops.cast(ops.matmul(query, ops.transpose(key, (0, 1, 3, 2))), ms.float32)
        value = self.split(self.value(content))
        answers = self.join(ops.matmul(ops.cast(ops.softmax(scores, -1), value.dtype), value))
        x = asking + self.out(answers)
        return x + self.fc2(self.gelu(self.fc1(self.norm_hidden(x))))


class ShortTermInteraction(nn.Cell):
    """The mean over the frames of class tokens that have asked the patches of the frames beside them.

    Args:
        channels: d.
        frames: T of every clip.
        heads: of the attention.
        detach: no gradient goes back into the trunk, as in the release.

    Raises:
        ConfigError: heads that do not divide d.
    """

    reads = ("maps",)
    gives = ("clip_features", "short_term_frames")
    initial: ClassVar[Mapping[str, Draw | None]] = {
        r"\.gamma$": constant(1.0),
        r"\.(beta|bias)$": constant(0.0),
        "": None,
    }

    def __init__(
        self, channels: int, frames: int, heads: Annotated[int, Bounds(minimum=1)] = 12, detach: bool = True
    ) -> None:
        super().__init__()
        check_heads("aggregation.heads", channels, heads)
        self.frames = frames
        self.detach = detach
        self.blocks = nn.CellList([AskingBlock(channels, heads) for _ in range(_BLOCKS)])

    def construct(self, tokens: Tensor) -> tuple[Tensor, Tensor]:
        """Tokens [n*t 1+l d], the class token first -> s [n d], s_t [n t d], both float32."""
        if self.detach:
            tokens = ops.stop_gradient(tokens)
        m, length, d = tokens.shape
        patches = ops.reshape(tokens[:, 1:], (m // self.frames, self.frames, length - 1, d))
        patches = ops.reshape(shift_channels(patches), (m, length - 1, d))
        x = tokens[:, :1]
        for block in self.blocks:
            x = block(x, patches)
        found = ops.reshape(ops.cast(x, ms.float32), (m // self.frames, self.frames, d))
        return ops.mean(found, 1), found
