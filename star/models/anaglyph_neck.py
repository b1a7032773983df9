"""Identity logits of the anaglyphs, by the classifier of the clips (IBAN, TCSVT 2023), in training only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import mindspore as ms
from mindspore import Tensor, nn, ops

from star.errors import ConfigError, Problem
from star.models.initial import OWN_RULES, Draw, normal


class AnaglyphNeck(nn.Cell):
    """A batch norm of its own before the classifier of the clip head, whose parameters stay the clip head's.

    Args:
        channels: d.
        identities: k.
        clip_head: with a `classifier` of features [n d].

    Raises:
        ConfigError: a clip head without a classifier.
    """

    reads = ("anaglyph_features",)
    gives = ("anaglyph_logits",)
    training_only = True
    initial: ClassVar[Mapping[str, Draw | None]] = {r"\.norm\.gamma$": normal(1.0, 0.01), **OWN_RULES}

    def __init__(self, channels: int, identities: int, clip_head: nn.Cell) -> None:
        super().__init__()
        classifier = getattr(clip_head, "classifier", None)
        if classifier is None:
            expected = "a clip head with a `classifier`, which this branch shares (clip_head=neck)"
            raise ConfigError([Problem("clip_head", type(clip_head).__qualname__, expected)])
        self.norm = nn.BatchNorm1d(channels)
        self.norm.beta.requires_grad = False
        self.shared = [classifier]
        self.out_channels = identities

    def construct(self, features: Tensor) -> Tensor:
        """[n d] -> logits [n k] float32."""
        return ops.cast(self.shared[0](self.norm(ops.cast(features, ms.float32))), ms.float32)
