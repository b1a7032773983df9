"""Aggregations whose graphs Ascend cannot have, each in its own way."""

from __future__ import annotations

from mindspore import Tensor, nn, ops


class OnHost(nn.Cell):
    """Has an operator for which there is no kernel on Ascend."""

    reads, gives = ("frames",), ("clip_features",)

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.out_channels = channels
        self.lstm = ops.operations.LSTM(channels, channels, 1, False, False, 0.0)

    def construct(self, frames: Tensor) -> Tensor:
        b, _, d = frames.shape
        state, weight = ops.zeros((1, b, d)), ops.zeros((8 * d * d, 1, 1))
        return self.lstm(ops.transpose(frames, (1, 0, 2)), state, state, weight)[0].mean(0) + frames.mean(1)


class OpenShape(nn.Cell):
    """The number of frames that count depends on their values."""

    reads, gives = ("frames",), ("clip_features",)

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.out_channels = channels

    def construct(self, frames: Tensor) -> Tensor:
        chosen = ops.nonzero(frames.sum((0, 2)) > 0)
        return frames.mean(1) + ops.cast(chosen.shape[0], frames.dtype)


class Misfit(nn.Cell):
    """Multiplies matrices that do not fit."""

    reads, gives = ("frames",), ("clip_features",)

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.out_channels = channels

    def construct(self, frames: Tensor) -> Tensor:
        mean = frames.mean(1)
        return ops.matmul(mean, mean)
