"""Clip features as the mean of normalised frames (M3-ReID, TIFS 2025).

| paper / release                       | here                                                         |
|---------------------------------------|--------------------------------------------------------------|
| e = BN(u) over the frames of all clips | `normalised_frames`; the offset of the batch norm stays 0    |
| E, mean over t of e                   | `clip_features`, also the retrieval feature before its length |
"""

from __future__ import annotations

import mindspore as ms
from mindspore import Tensor, nn, ops


class MeanAfterNeck(nn.Cell):
    """Batch norm over the frames of all clips, then the mean over those of a clip.

    With guidance it is the guided pooling of the frames, then the batch norm: its powers need features from 0 on.

    Args:
        channels: d.
        pooling: the mean, or guided pooling in its place.
    """

    reads = ("frames",)
    gives = ("clip_features", "normalised_frames")

    def __init__(self, channels: int, pooling: nn.Cell) -> None:
        super().__init__()
        self.pooling = pooling
        self.norm = nn.BatchNorm1d(channels)
        self.norm.beta.requires_grad = False

    def construct(self, frames: Tensor, *guide: Tensor) -> tuple[Tensor, Tensor]:
        """Frames u [n t d] -> E [n d], e [n t d], both float32."""
        n, t, d = frames.shape
        normalised = self.norm(ops.reshape(ops.cast(frames, ms.float32), (n * t, d)))
        normalised = ops.reshape(normalised, (n, t, d))
        if len(guide) == 0:
            return self.pooling(normalised), normalised
        return self.norm(self.pooling(frames, *guide)), normalised
