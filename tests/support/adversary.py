"""A modality classifier and its two losses, as MITML plays them against each other."""

from __future__ import annotations

import mindspore as ms
from mindspore import Tensor, nn, ops


class ModalityClassifier(nn.Cell):
    """Logits of visible, infrared and neither, of clip features."""

    reads = ("clip_features",)
    gives = ("modality_logits",)
    training_only = True

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.hidden = nn.Dense(channels, 8)
        self.norm = nn.BatchNorm1d(8)
        self.out = nn.Dense(8, 3)

    def construct(self, features: Tensor) -> Tensor:
        return self.out(ops.relu(self.norm(self.hidden(features))))


class Modality(nn.Cell):
    """Cross entropy of the true modality."""

    reads = ("modality_logits", "modality")

    def construct(self, logits: Tensor, modality: Tensor) -> Tensor:
        return -ops.mean(ops.sum(ops.log_softmax(logits, 1) * one_hot(modality), 1))


class Confusion(nn.Cell):
    """Cross entropy of "neither"."""

    reads = ("modality_logits",)

    def construct(self, logits: Tensor) -> Tensor:
        return -ops.mean(ops.log_softmax(logits, 1)[:, 2])


class Centre(nn.Cell):
    """Distance to a centre that is learned."""

    reads = ("clip_features",)

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.centre = ms.Parameter(ops.ones(channels), name="centre")

    def construct(self, features: Tensor) -> Tensor:
        return ops.mean(ops.square(features - self.centre))


def one_hot(modality: Tensor) -> Tensor:
    return ops.cast(ops.equal(ops.expand_dims(modality, 1), ms.Tensor([0, 1, 2], ms.int32)), ms.float32)
