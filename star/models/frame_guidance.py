"""Frame-level skeleton guidance (STAR, arXiv 2411.11069, frame-level guidance).

| paper / method                                | here                                |
|-----------------------------------------------|-------------------------------------|
| A1 = MHA(query S, key = value f)              | `bones_ask_frames`                  |
| A2 = MHA(query f, key = value S)              | `frames_ask_bones`                  |
| F = FFN([A1 ; A2]) + f + 1e-3                 | `FrameGuidance.construct`           |

The 1e-3 and the ReLU of the FFN, from the authors' release, keep F positive for the powers of the pooling.
"""

import mindspore as ms
from mindspore import Tensor, nn, ops

from star.errors import ConfigError, Problem
from star.ops import Rearrange

_FLOOR = 1e-3


class CrossAttention(nn.Cell):
    """Multi-head attention with separate query and content sequences.

    Args:
        channels: d.
        heads: a divisor of d.

    Raises:
        ConfigError: `heads` does not divide `channels`.
    """

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        if heads < 1 or channels % heads:
            expected = f"a divisor of the embedding width {channels}"
            raise ConfigError([Problem("skeleton_graph.attention_heads", str(heads), expected)])
        self.query = nn.Dense(channels, channels)
        self.key = nn.Dense(channels, channels)
        self.value = nn.Dense(channels, channels)
        self.out = nn.Dense(channels, channels)
        self.scale = float(channels // heads) ** -0.5
        self.split_heads = Rearrange("b t (heads c) -> b heads t c", heads=heads)
        self.transpose_heads = Rearrange("b t (heads c) -> b heads c t", heads=heads)
        self.join_heads = Rearrange("b heads t c -> b t (heads c)")

    def construct(self, asking: Tensor, content: Tensor) -> Tensor:
        """Two [b t d] -> [b t d]."""
        attention = self.attention(asking, content)
        return self.out(self.join_heads(ops.matmul(attention, self.split_heads(self.value(content)))))

    def attention(self, asking: Tensor, content: Tensor) -> Tensor:
        """Two [b t d] -> [b heads t t], (asking, content), each row sums to 1."""
        query = self.split_heads(self.query(asking)) * self.scale
        scores = ops.matmul(query, self.transpose_heads(self.key(content)))
        return ops.cast(ops.softmax(ops.cast(scores, ms.float32), -1), scores.dtype)


class FrameGuidance(nn.Cell):
    """Frame features that have seen the bones of their clip.

    Args:
        channels: d.
        heads: attention heads.
    """

    reads = ("bone_features", "frames")
    gives = ("frames",)

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.bones_ask_frames = CrossAttention(channels, heads)
        self.frames_ask_bones = CrossAttention(channels, heads)
        self.hidden = nn.Dense(2 * channels, channels)
        self.out = nn.Dense(channels, channels)
        self.relu = nn.ReLU()

    def construct(self, bones: Tensor, frames: Tensor) -> Tensor:
        """Bones S [b t d], frames f [b t d], not negative -> F [b t d] float32, at least 1e-3."""
        answers = ops.cat((self.bones_ask_frames(bones, frames), self.frames_ask_bones(frames, bones)), -1)
        update = self.relu(self.out(self.relu(self.hidden(answers))))
        return ops.cast(update, ms.float32) + ops.cast(frames, ms.float32) + _FLOOR
