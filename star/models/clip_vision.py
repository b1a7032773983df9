"""Image encoder of CLIP as a trunk: a vision transformer (Radford et al., ICML 2021; Dosovitskiy et al., ICLR 2021).

| release                                   | here                                                              |
|-------------------------------------------|-------------------------------------------------------------------|
| patches and class token, positions        | `enter`; positions are those of the frames' own grid              |
| what other methods do between blocks      | `before`, a cell called before each block                         |
| tokens entering the last block, its output | `last_two`                                                       |
| ln_post of all tokens                     | `construct`; `frame_pooling=class_token` takes the first          |
| projection to the width of texts          | `proj`                                                            |
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import mindspore as ms
import numpy as np
from mindspore import Parameter, Tensor, nn, ops

from star.bounds import Bounds
from star.errors import ConfigError, Problem
from star.models.clip_blocks import Block, check_heads, initial_of, layer_norm
from star.models.clip_weights import VISUAL, Translated, clip_values, resized_positions
from star.models.hub_tokens import HubExchange, HubTokens
from star.models.initial import normal

_HUB_BLOCKS = 3
"""Blocks that see hub tokens, the last ones."""


class ClipVision(nn.Cell):
    """Tokens of frames; features of either sign, one stem for both modalities.

    Args:
        height, width: of the frames in pixels; what is left of them behind the last whole patch is not seen.
        frames: T of every clip, for hub tokens.
        patch: side of a patch in pixels.
        channels: d, width of a token.
        layers: number of blocks.
        heads: of the attention, a divisor of d.
        projection: width of texts.
        hub: append hub tokens before the last but two blocks, for stream=hub and aggregation=hub_aggregation (VLD).

    Attributes:
        out_channels: d.
        expects: names that a file of weights must have, in words.

    Raises:
        ConfigError: heads that do not divide d, frames smaller than a patch, too few blocks for hub tokens.
    """

    non_negative = False
    expects = "CLIP's names, OpenAI's (visual.conv1.weight, ...) or Hugging Face's (vision_model.embeddings. ...)"

    def __init__(
        self,
        height: int,
        width: int,
        frames: int,
        patch: Annotated[int, Bounds(minimum=1)] = 16,
        channels: Annotated[int, Bounds(minimum=1)] = 768,
        layers: Annotated[int, Bounds(minimum=2)] = 12,
        heads: Annotated[int, Bounds(minimum=1)] = 12,
        projection: Annotated[int, Bounds(minimum=1)] = 512,
        hub: bool = False,
    ) -> None:
        super().__init__()
        check_heads("backbone.heads", channels, heads)
        self.grid = (height // patch, width // patch)
        if 0 in self.grid:
            raise ConfigError([Problem("backbone.patch", str(patch), f"at most a frame's {height} x {width} pixels")])
        if hub and layers < _HUB_BLOCKS:
            raise ConfigError([Problem("backbone.layers", str(layers), f"at least {_HUB_BLOCKS} with backbone.hub")])
        self.out_channels, self.projection = channels, projection
        self.layers, self.heads = layers, heads
        self.initial = {
            r"\.hub\.tokens$": normal(0.0, 1.0),
            r"\.conv1\.weight$": normal(0.0, (3 * patch * patch) ** -0.5),
            **initial_of(channels, layers),
        }
        self.conv1 = nn.Conv2d(3, channels, patch, patch, pad_mode="valid", has_bias=False)
        self.class_embedding = Parameter(Tensor(np.zeros(channels, np.float32)), name="class_embedding")
        places = 1 + self.grid[0] * self.grid[1]
        self.positional_embedding = Parameter(
            Tensor(np.zeros((places, channels), np.float32)), name="positional_embedding"
        )
        self.ln_pre = layer_norm(channels)
        self.blocks = nn.CellList([Block(channels, heads) for _ in range(layers)])
        self.ln_post = layer_norm(channels)
        self.proj = Parameter(Tensor(np.zeros((channels, projection), np.float32)), name="proj")
        self.hub = HubTokens(channels, frames) if hub else None
        exchange = HubExchange(frames)
        nothing = nn.Identity()
        inserted = [self.hub, *[exchange] * (_HUB_BLOCKS - 1)] if hub else []
        self.before = (*[nothing] * (layers - len(inserted)), *inserted)

    def construct(self, frames: Tensor) -> Tensor:
        """Frames [m 3 h w] -> tokens after the last norm [m l d] float32, the class token first."""
        return self.ln_post(self.last_two(frames)[1])

    def last_two(self, frames: Tensor) -> tuple[Tensor, Tensor]:
        """Frames [m 3 h w] -> tokens that enter the last block, and those it gives, both [m l d] float32."""
        x = self.enter(frames)
        for position in range(self.layers - 1):
            x = self.blocks[position](self.before[position](x))
        x = self.before[self.layers - 1](x)
        return x, self.blocks[self.layers - 1](x)

    def enter(self, frames: Tensor) -> Tensor:
        """Frames [m 3 h w] -> tokens that enter the first block [m l d] float32."""
        patches = ops.cast(self.conv1(frames), ms.float32)
        m, d, h, w = patches.shape
        patches = ops.transpose(ops.reshape(patches, (m, d, h * w)), (0, 2, 1))
        first = ops.tile(ops.reshape(self.class_embedding, (1, 1, d)), (m, 1, 1))
        return self.ln_pre(ops.cat((first, patches), 1) + self.positional_embedding)

    def translated(self, tensors: Mapping[str, np.ndarray]) -> Translated:
        """What a file of CLIP's weights has for our parameters."""
        found, made_of = clip_values(tensors, VISUAL)
        if "positional_embedding" in found:
            found["positional_embedding"] = resized_positions(found["positional_embedding"], self.grid)
        return found, made_of


class ClassToken(nn.Cell):
    """The feature of a frame is its class token."""

    def construct(self, tokens: Tensor) -> Tensor:
        """[m l d] -> [m d]."""
        return tokens[:, 0]
