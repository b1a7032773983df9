"""Transformer blocks of CLIP (Radford et al., ICML 2021), of its image encoder and of its text encoder.

Cells and parameters are called as in OpenAI's code, so that its files of weights are read almost as they are.
"""

from __future__ import annotations

from collections.abc import Mapping

import mindspore as ms
import numpy as np
from mindspore import Tensor, nn, ops

from star.errors import ConfigError, Problem
from star.models.initial import Draw, constant, normal
from star.ops import Rearrange

_EPSILON = 1e-5
_WIDENING = 4
_QUICK_GELU = 1.702
_NEVER = -1e9


def layer_norm(channels: int) -> nn.LayerNorm:
    """Layer norm over the last axis, of width d."""
    return nn.LayerNorm((channels,), epsilon=_EPSILON)


class SelfAttention(nn.Cell):
    """Multi-head attention of a sequence to itself; rows of `in_proj` are query, key, value.

    Args:
        channels: d.
        heads: a divisor of d.
        causal_length: length of all sequences if no place may look at later ones; None: every place looks at all.
    """

    def __init__(self, channels: int, heads: int, causal_length: int | None = None) -> None:
        super().__init__()
        self.in_proj = nn.Dense(channels, 3 * channels)
        self.out_proj = nn.Dense(channels, channels)
        self.scale = float(channels // heads) ** -0.5
        self.causal = causal_length is not None
        later = np.triu(np.full((causal_length or 1, causal_length or 1), _NEVER, np.float32), 1)
        self.mask = Tensor(later)
        self.split = Rearrange("b n (three heads c) -> three b heads n c", three=3, heads=heads)
        self.join = Rearrange("b heads n c -> b n (heads c)")

    def construct(self, x: Tensor) -> Tensor:
        """[b n d] -> [b n d]."""
        parts = self.split(self.in_proj(x))
        scores = ops.matmul(parts[0] * self.scale, ops.transpose(parts[1], (0, 1, 3, 2)))
        scores = ops.cast(scores, ms.float32)
        if self.causal:
            scores = scores + self.mask
        return self.out_proj(self.join(ops.matmul(ops.cast(ops.softmax(scores, -1), parts.dtype), parts[2])))


class Perceptron(nn.Cell):
    """Two linear layers with x sigmoid(1.702 x) between them."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.c_fc = nn.Dense(channels, _WIDENING * channels)
        self.c_proj = nn.Dense(_WIDENING * channels, channels)

    def construct(self, x: Tensor) -> Tensor:
        """[b n d] -> [b n d]."""
        hidden = self.c_fc(x)
        return self.c_proj(hidden * ops.sigmoid(_QUICK_GELU * hidden))


class Block(nn.Cell):
    """Attention and perceptron, each behind a norm and beside a shortcut; see `SelfAttention` for the arguments."""

    def __init__(self, channels: int, heads: int, causal_length: int | None = None) -> None:
        super().__init__()
        self.ln_1 = layer_norm(channels)
        self.attn = SelfAttention(channels, heads, causal_length)
        self.ln_2 = layer_norm(channels)
        self.mlp = Perceptron(channels)

    def construct(self, x: Tensor) -> Tensor:
        """[b n d] -> [b n d] float32."""
        x = x + self.attn(self.ln_1(x))
        return x + self.mlp(self.ln_2(x))


def check_heads(key: str, channels: int, heads: int) -> None:
    """Refuse heads that do not share the width evenly.

    Raises:
        ConfigError: names `key`.
    """
    if heads < 1 or channels % heads:
        raise ConfigError([Problem(key, str(heads), f"a divisor of the width {channels}")])


def initial_of(channels: int, layers: int) -> Mapping[str, Draw]:
    """First values of blocks and what stands around them, as OpenAI's code has them for the text encoder.

    Args:
        channels: d.
        layers: number of blocks.
    """
    width = channels**-0.5
    return {
        r"\.beta$|\.bias$": constant(0.0),
        r"\.gamma$": constant(1.0),
        r"\.in_proj\.weight$": normal(0.0, width),
        r"\.(out_proj|c_proj)\.weight$": normal(0.0, width * (2 * layers) ** -0.5),
        r"\.c_fc\.weight$": normal(0.0, (2 * channels) ** -0.5),
        r"\.(class_embedding|positional_embedding|proj|text_projection)$": normal(0.0, width),
    }
