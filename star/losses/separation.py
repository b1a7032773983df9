"""Terms that push vectors of a group apart (M3-ReID, TIFS 2025).

| paper / release                       | here                                                                  |
|---------------------------------------|-----------------------------------------------------------------------|
| mean of cos^2 over ordered pairs      | `separation`; 0 for a group of one                                    |
| orthogonal frame regularisation (OFR) | `OrthogonalFrames`, frames of a clip after the batch norm             |
| diverse attention constraint (DAC)    | `DiverseAttention`, the two masks of a view in each of its planes     |
"""

from __future__ import annotations

from typing import ClassVar

import mindspore as ms
from mindspore import Tensor, nn, ops

_SMALLEST_SQUARE = 1e-24


def separation(vectors: Tensor) -> Tensor:
    """Mean squared cosine of two different vectors of a group: [groups n d] -> scalar."""
    groups, n, _ = vectors.shape
    if n == 1:
        return ops.sum(vectors) * 0.0
    x = ops.cast(vectors, ms.float32)
    x = x / ops.sqrt(ops.maximum(ops.sum(x * x, 2, True), _SMALLEST_SQUARE))
    cosines = ops.bmm(x, ops.transpose(x, (0, 2, 1)))
    others = 1.0 - ops.eye(n, n, ms.float32)
    return ops.sum(cosines * cosines * others) / (groups * n * (n - 1))


class OrthogonalFrames(nn.Cell):
    """Mean squared cosine between the frames of a clip."""

    reads: ClassVar[tuple[str, ...]] = ("normalised_frames",)

    def construct(self, frames: Tensor) -> Tensor:
        """[n t d] -> scalar."""
        return separation(frames)


class DiverseAttention(nn.Cell):
    """Squared cosine between the two masks of a view, the sum of the three views.

    Args:
        frames: t.
    """

    reads: ClassVar[tuple[str, ...]] = ("attention_masks",)

    def __init__(self, frames: int) -> None:
        super().__init__()
        self.frames = frames

    def construct(self, masks: Tensor) -> Tensor:
        """Masks [(b t) 6 h w], two of each view h w, t w, t h -> scalar."""
        hw, tw, th = self.by_view(masks)
        return separation(hw) + separation(tw) + separation(th)

    def by_view(self, masks: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """[(b t) 6 h w] -> [(b t) 2 (h w)], [(b h) 2 (t w)], [(b w) 2 (t h)]."""
        m, _, h, w = masks.shape
        t = self.frames
        b = m // t
        x = ops.reshape(masks, (b, t, 3, 2, h, w))
        hw = ops.reshape(x[:, :, 0], (m, 2, h * w))
        tw = ops.reshape(ops.transpose(x[:, :, 1], (0, 3, 2, 1, 4)), (b * h, 2, t * w))
        th = ops.reshape(ops.transpose(x[:, :, 2], (0, 4, 2, 1, 3)), (b * w, 2, t * h))
        return hw, tw, th
