"""Linear classifiers without a batch norm of their own (M3-ReID, TIFS 2025)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import mindspore as ms
from mindspore import Tensor, nn, ops

from star.models.initial import Draw


class Classifier(nn.Cell):
    """Identity logits of clips; the retrieval feature is the clip feature as it is.

    Args:
        channels: d.
        identities: k.

    Attributes:
        embedding_channels: d.
    """

    reads = ("clip_features",)
    gives = ("clip_logits",)
    initial: ClassVar[Mapping[str, Draw | None]] = {"": None}

    def __init__(self, channels: int, identities: int) -> None:
        super().__init__()
        self.embedding_channels = channels
        self.out_channels = identities
        self.classifier = nn.Dense(channels, identities, has_bias=False)

    def construct(self, features: Tensor) -> Tensor:
        """[... d] -> logits [m k] float32, all rows one after the other."""
        return ops.cast(self.classifier(ops.reshape(features, (-1, features.shape[-1]))), ms.float32)

    def embed(self, features: Tensor) -> Tensor:
        """[n d] -> [n d]."""
        return features


class FrameClassifier(Classifier):
    """Identity logits of normalised frames, in training only."""

    reads = ("normalised_frames",)
    gives = ("frame_logits",)
    training_only = True
