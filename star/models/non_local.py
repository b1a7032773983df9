"""Non-local blocks: every position of a map gets a sum over all positions (Wang et al. 2018).

| method                                      | here                                                             |
|---------------------------------------------|------------------------------------------------------------------|
| AGW (TPAMI 2021), within a frame            | `FrameNonLocal`: one channel, products divided by their number   |
| M3-ReID (TIFS 2025), over the frames of a clip | `SpatioTemporalNonLocal`: a quarter of the channels, softmax  |
| z = BN(W y) + x                             | `out` is W, `norm` the BN; gamma starts at 0, so z starts as x   |

We differ in the order of AGW's products: (theta^T phi / n) g is theta times the mean of phi g, without a matrix [n n].
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import ClassVar

import mindspore as ms
import numpy as np
from mindspore import Tensor, nn, ops

from star.models.initial import Draw, constant, uniform

_REDUCTION = 4


def _pointwise(inputs: int, outputs: int) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, 1, has_bias=True)


def _xavier(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Xavier uniform of a 1x1 convolution."""
    return uniform(math.sqrt(6 / (shape[0] + shape[1])))(rng, shape)


class FrameNonLocal(nn.Cell):
    """AGW's block, within each frame; its release reduces any width to one channel.

    Args:
        channels: c.
    """

    initial: ClassVar[Mapping[str, Draw]] = {r"\.non_local_\d+\.norm\.gamma$": constant(0.0)}

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.theta, self.phi, self.g = (_pointwise(channels, 1) for _ in range(3))
        self.out = _pointwise(1, channels)
        self.norm = nn.BatchNorm2d(channels)

    def construct(self, x: Tensor) -> Tensor:
        """[m c h w] -> [m c h w]."""
        y = self.theta(x) * ops.mean(self.phi(x) * self.g(x), (2, 3), True)
        return self.norm(self.out(y)) + x


class SpatioTemporalNonLocal(nn.Cell):
    """M3-ReID's block, over all positions of all frames of a clip.

    The attention takes (t h w)^2 numbers a clip and block.

    Args:
        channels: c.
        frames: t.
    """

    initial: ClassVar[Mapping[str, Draw]] = {
        r"\.non_local_\d+\.norm\.gamma$": constant(0.0),
        r"\.non_local_\d+\.(theta|phi|g|out)\.weight$": _xavier,
        r"\.non_local_\d+\.(theta|phi|g|out)\.bias$": constant(0.0),
    }

    def __init__(self, channels: int, frames: int) -> None:
        super().__init__()
        reduced = max(1, channels // _REDUCTION)
        self.frames = frames
        self.theta, self.phi, self.g = (_pointwise(channels, reduced) for _ in range(3))
        self.out = _pointwise(reduced, channels)
        self.norm = nn.BatchNorm2d(channels)

    def construct(self, x: Tensor) -> Tensor:
        """[(b t) c h w] -> [(b t) c h w]."""
        theta, phi, g = self.by_clip(self.theta(x)), self.by_clip(self.phi(x)), self.by_clip(self.g(x))
        attention = ops.softmax(ops.bmm(theta, ops.transpose(phi, (0, 2, 1))), -1)
        y = ops.transpose(ops.reshape(ops.bmm(attention, g), (x.shape[0], -1, g.shape[2])), (0, 2, 1))
        y = ops.reshape(y, (x.shape[0], -1, x.shape[2], x.shape[3]))
        return self.norm(self.out(y)) + x

    def by_clip(self, maps: Tensor) -> Tensor:
        """[(b t) r h w] -> [b (t h w) r] float32."""
        m, r, h, w = maps.shape
        positions = ops.transpose(ops.reshape(ops.cast(maps, ms.float32), (m, r, h * w)), (0, 2, 1))
        return ops.reshape(positions, (m // self.frames, self.frames * h * w, r))
