"""Frames refined by a memory of their clip, and weighted by what two memories have of them (IBAN, TCSVT 2023).

| release                                                       | here                                                |
|---------------------------------------------------------------|-----------------------------------------------------|
| m1, m2, last outputs of 2-layer LSTMs over x_1..x_T, x_T..x_1 | `ahead`, `back`                                     |
| W_t, G_t, f_t = x_t G_t((W_t m1 + x_t)/2) + x_t               | `PositionGate`, that of MITML                       |
| s_t, mean of the cosines of x_t with m1 and with m2           | `likeness`                                          |
| X = mean over t of (1 + s_t) f_t                              | `pooling`; guidance puts its own in its place       |

Behind a cross non-local block x_t may be below zero; the powers of guided pooling take such a number as 0.
"""

from __future__ import annotations

import mindspore as ms
from mindspore import Tensor, nn, ops

from star.models.recurrent_gates import PositionGate

_LAYERS = 2
_SMALLEST_NORM = 1e-8


class Memory(nn.Cell):
    """Last output of a recurrent network over the frames of a clip.

    Args:
        channels: d.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.lstm = nn.LSTM(channels, channels, num_layers=_LAYERS, batch_first=True)

    def construct(self, frames: Tensor) -> Tensor:
        """[b t d] -> [b d]."""
        outputs, _ = self.lstm(frames)
        return outputs[:, -1]


class BidirectionalGates(nn.Cell):
    """Mean of the frames, each refined at its own position; parameters grow with the number of frames.

    Args:
        channels: d.
        frames: T of every clip.
        pooling: the mean, or guided pooling in its place.
    """

    reads = ("frames",)
    gives = ("clip_features",)
    non_negative = True

    def __init__(self, channels: int, frames: int, pooling: nn.Cell) -> None:
        super().__init__()
        self.pooling = pooling
        self.ahead, self.back = Memory(channels), Memory(channels)
        self.gates = nn.CellList([PositionGate(channels) for _ in range(frames)])
        self.positions = frames

    def construct(self, frames: Tensor, *guide: Tensor) -> Tensor:
        """Frames x [b t d] -> X [b d]."""
        ahead, back = self.memories(frames)
        refined = ()
        for position in range(self.positions):
            x = frames[:, position]
            weight = 1.0 + (likeness(x, ahead) + likeness(x, back)) / 2.0
            refined = refined + (weight * self.gates[position](ahead, x, x),)
        weighted = ops.stack(refined, 1)
        return self.pooling(weighted) if len(guide) == 0 else self.pooling(ops.relu(weighted), *guide)

    def memories(self, frames: Tensor) -> tuple[Tensor, Tensor]:
        """Frames x [b t d] -> m1 and m2, each [b d]."""
        backwards = ()
        for position in range(self.positions):
            backwards = backwards + (frames[:, self.positions - 1 - position],)
        return self.ahead(frames), self.back(ops.stack(backwards, 1))


def likeness(x: Tensor, memory: Tensor) -> Tensor:
    """Cosines of rows: two [b d] -> [b 1] float32."""
    return ops.sum(_direction(x) * _direction(memory), 1, True)


def _direction(x: Tensor) -> Tensor:
    x = ops.cast(x, ms.float32)
    return x / ops.sqrt(ops.maximum(ops.sum(x * x, 1, True), _SMALLEST_NORM**2))
