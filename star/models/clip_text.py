"""Text encoder of CLIP (Radford et al., ICML 2021), of sequences that end with the token it is read at.

What stands behind the end token has no effect on it, since no place looks at later ones: it is left out.
"""

from __future__ import annotations

import mindspore as ms
import numpy as np
from mindspore import Parameter, Tensor, nn, ops

from star.models.clip_blocks import Block, check_heads, layer_norm


class ClipText(nn.Cell):
    """Text features from embeddings of tokens.

    Args:
        length: of all sequences, the end token included.
        channels: width of an embedding.
        layers: number of blocks.
        heads: of the attention.
        out_channels: width of a text feature.

    Raises:
        ConfigError: heads that do not divide the width.
    """

    def __init__(self, length: int, channels: int, layers: int, heads: int, out_channels: int) -> None:
        super().__init__()
        check_heads("branch.identity_prompts.heads", channels, heads)
        positions = np.zeros((length, channels), np.float32)
        self.positional_embedding = Parameter(Tensor(positions), name="positional_embedding")
        self.blocks = nn.CellList([Block(channels, heads, causal_length=length) for _ in range(layers)])
        self.ln_final = layer_norm(channels)
        projection = np.zeros((channels, out_channels), np.float32)
        self.text_projection = Parameter(Tensor(projection), name="text_projection")
        self.last = length - 1

    def construct(self, embeddings: Tensor) -> Tensor:
        """[k l d] -> [k e] float32."""
        x = embeddings + self.positional_embedding
        for block in self.blocks:
            x = block(x)
        return ops.matmul(self.ln_final(ops.cast(x[:, self.last], ms.float32)), self.text_projection)
