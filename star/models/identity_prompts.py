"""Learned prompts that describe the identities to CLIP's text encoder (VLD, TIFS 2025; CLIP-ReID, AAAI 2023).

| release                                                                            | here                      |
|------------------------------------------------------------------------------------|---------------------------|
| "A X X X X person observed in both day and night conditions.", X learned           | `PROMPT`, `prompts`       |
| frozen text encoder, read at the end token                                         | `encoder`                 |
| logits p . T_k, neither normalised nor scaled                                      | `text_logits`             |
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated

import numpy as np
from mindspore import Parameter, Tensor, nn, ops

from star.bounds import Bounds
from star.models.clip_blocks import initial_of
from star.models.clip_text import ClipText
from star.models.clip_weights import TEXT, Translated, clip_values
from star.models.initial import Draw, normal

PROMPT = (49406, 320, 343, 343, 343, 343, 2533, 21267, 530, 2212, 575, 537, 930, 5892, 269, 49407)
"""The sentence in the byte pair encoding of CLIP's `bpe_simple_vocab_16e6`: start, the words in lower case, end."""
_FIRST, _LEARNED = 2, 4
_DEVIATION = 0.02
_TABLE = "token_embedding.weight"


class IdentityPrompts(nn.Cell):
    """Logits of the clips' projected features against a text of every identity, in training only.

    Args:
        channels: e, width of the features and of the texts.
        identities: k.
        layers: blocks of the text encoder.
        heads: of its attention; null: one for every 64 channels.
        text_channels: width of its tokens; null: e.
        tokens: of the sentence, from the start to the end token.
    """

    reads = ("projected_features",)
    gives = ("text_logits",)
    training_only = True

    def __init__(
        self,
        channels: int,
        identities: int,
        layers: Annotated[int, Bounds(minimum=1)] = 12,
        heads: Annotated[int, Bounds(minimum=1)] | None = None,
        text_channels: Annotated[int, Bounds(minimum=1)] | None = None,
        tokens: Annotated[Sequence[int], Bounds(minimum=0)] = PROMPT,
    ) -> None:
        super().__init__()
        width = text_channels or channels
        self.out_channels = identities
        self.tokens = tuple(tokens)
        self.initial: Mapping[str, Draw] = {
            r"\.(prompts|fixed)$": normal(0.0, _DEVIATION),
            **initial_of(width, layers),
        }
        self.encoder = ClipText(len(self.tokens), width, layers, heads or max(1, width // 64), channels)
        self.fixed = Parameter(Tensor(np.zeros((len(self.tokens), width), np.float32)), name="fixed")
        for parameter in self.get_parameters():
            parameter.requires_grad = False
        prompts = np.zeros((identities, _LEARNED, width), np.float32)
        self.prompts = Parameter(Tensor(prompts), name="prompts")

    def construct(self, features: Tensor) -> Tensor:
        """Projected features p [n e] -> logits [n k] float32."""
        return ops.matmul(features, ops.transpose(self.texts(), (1, 0)))

    def texts(self) -> Tensor:
        """Text features of all identities [k e] float32."""
        k, _, d = self.prompts.shape
        fixed = ops.tile(ops.reshape(self.fixed, (1, -1, d)), (k, 1, 1))
        return self.encoder(ops.cat((fixed[:, :_FIRST], self.prompts, fixed[:, _FIRST + _LEARNED :]), 1))

    def translated(self, tensors: Mapping[str, np.ndarray]) -> Translated:
        """What a file of CLIP's weights has for our parameters."""
        found, made_of = clip_values(tensors, TEXT)
        table = found.pop(_TABLE, None)
        positions = found.get("positional_embedding")
        if positions is not None:
            found["positional_embedding"] = positions[: len(self.tokens)]
        values = {f"encoder.{name}": value for name, value in found.items()}
        sources = {f"encoder.{name}": names for name, names in made_of.items()}
        if table is not None and len(table) > max(self.tokens):
            values["fixed"], sources["fixed"] = table[list(self.tokens)], made_of[_TABLE]
        return values, sources
