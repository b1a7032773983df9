"""Dual interaction of tracklets by graph convolutions (SAADG, ACM MM 2023, GDI), in training only.

| paper / release                         | here                                                              |
|-----------------------------------------|-------------------------------------------------------------------|
| cross-view graph                        | `CrossViewInteraction`: two tracklets of an identity and modality |
| cross-modal graph                       | `CrossModalInteraction`: their frames and the other modality's    |
| A = C + I, weights C cosines            | `BipartiteConvolution`, edges join the two sides only             |
| D^-1/2 A D^-1/2 (F W^T) + bias          | the same                                                          |
| BN neck and classifier of each          | `Neck`                                                            |

Gradients flow through the weights of the edges as well. The release writes 16 rows a modality into the code; here any
number of identities goes, with exactly two tracklets of each in a modality. Of several processes that train together
each has all tracklets of its identities, so a graph never needs rows of another one.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import ClassVar

import mindspore as ms
import numpy as np
from mindspore import Tensor, nn, ops

from star.errors import ConfigError, Problem
from star.models.initial import OWN_RULES, Draw, constant, normal, uniform
from star.models.neck import Neck

_TRACKLETS = 2
_SMALLEST_NORM = 1e-8


def _glorot(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return uniform(math.sqrt(6 / (shape[0] + shape[1])))(rng, shape)


class BipartiteConvolution(nn.Cell):
    """Graph convolution over two sides, every node of one joined with every node of the other.

    Args:
        channels: d.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.linear = nn.Dense(channels, channels, has_bias=False)
        self.bias = ms.Parameter(ops.zeros(channels, ms.float32), name="bias")

    def construct(self, one: Tensor, other: Tensor) -> tuple[Tensor, Tensor]:
        """Nodes of both sides, each [g n d] and not negative -> the same shapes."""
        cosines = ops.bmm(_directions(one), ops.transpose(_directions(other), (0, 2, 1)))
        one_scale = ops.rsqrt(1.0 + ops.sum(cosines, 2, True))
        other_scale = ops.rsqrt(1.0 + ops.expand_dims(ops.sum(cosines, 1), 2))
        x, y = self.linear(one) * one_scale, self.linear(other) * other_scale
        to_one = (x + ops.bmm(cosines, y)) * one_scale
        to_other = (y + ops.bmm(ops.transpose(cosines, (0, 2, 1)), x)) * other_scale
        return to_one + self.bias, to_other + self.bias


class Interaction(nn.Cell):
    """Identity logits of frames after an exchange between tracklets of one identity.

    Args:
        channels: d.
        identities: k.
        tracklets: of an identity and modality in a batch, 2.

    Raises:
        ConfigError: another number of tracklets.
    """

    reads = ("frames",)
    training_only = True
    paired_rows = True
    initial: ClassVar[Mapping[str, Draw | None]] = {
        r"\.convolution\.linear\.weight$": _glorot,
        r"\.convolution\.bias$": constant(0.0),
        r"\.neck\.norm\.gamma$": normal(1.0, 0.01),
        **OWN_RULES,
    }

    def __init__(self, channels: int, identities: int, tracklets: int) -> None:
        super().__init__()
        if tracklets != _TRACKLETS:
            expected = "2, with this branch: it joins two tracklets of an identity and modality"
            raise ConfigError([Problem("schedule.tracklets", str(tracklets), expected)])
        self.convolution = BipartiteConvolution(channels)
        self.neck = Neck(channels, identities)
        self.out_channels = identities

    def construct(self, frames: Tensor) -> Tensor:
        """Frames [n t d], tracklets of an identity side by side -> logits [n*t k] in the order of the frames."""
        return self.neck(ops.reshape(self.exchange(frames), (-1, frames.shape[2])))

    def exchange(self, frames: Tensor) -> Tensor:
        """[n t d] -> [n t d]."""
        raise NotImplementedError


class CrossViewInteraction(Interaction):
    """Exchange between the two tracklets of an identity in one modality."""

    gives = ("cross_view_logits",)

    def exchange(self, frames: Tensor) -> Tensor:
        """[n t d] -> [n t d]."""
        n, t, d = frames.shape
        pairs = ops.reshape(frames, (n // 2, 2, t, d))
        one, other = self.convolution(pairs[:, 0], pairs[:, 1])
        return ops.reshape(ops.stack((one, other), 1), (n, t, d))


class CrossModalInteraction(Interaction):
    """Exchange between the two visible and the two infrared tracklets of an identity."""

    gives = ("cross_modal_logits",)

    def exchange(self, frames: Tensor) -> Tensor:
        """[n t d], visible half first -> [n t d]."""
        n, t, d = frames.shape
        halves = ops.reshape(frames, (2, n // 4, 2 * t, d))
        visible, infrared = self.convolution(halves[0], halves[1])
        return ops.reshape(ops.stack((visible, infrared), 0), (n, t, d))


def _directions(x: Tensor) -> Tensor:
    """[... d] -> rows of length 1."""
    return x / ops.sqrt(ops.maximum(ops.sum(x * x, -1, True), _SMALLEST_NORM**2))
