"""Frames refined by a memory of their clip (MITML, CVPR 2022).

| release                                          | here                                            |
|--------------------------------------------------|-------------------------------------------------|
| m, last output of a 2-layer LSTM over L_1 .. L_T | `RecurrentGates.lstm`                           |
| W_t, linear map of each position                 | `PositionGate.linear`                           |
| G_t, squeeze to d/16, ReLU, excite, sigmoid      | `PositionGate.squeeze`, `excite`                |
| a_t = G_t((W_t m + L_t)/2), f_t = H_t a_t + H_t  | `PositionGate`                                  |
| X = mean over t of f_t                           | `pooling`; guidance puts its own in its place   |

The temporal memory of the title, key slots addressed by cosine, is a class that the release never calls; this is what
its numbers were made with.
"""

from __future__ import annotations

from mindspore import Tensor, nn, ops

_REDUCTION, _LAYERS = 16, 2


class PositionGate(nn.Cell):
    """What one position in the clip takes from the memory.

    Args:
        channels: d.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        reduced = max(1, channels // _REDUCTION)
        self.linear = nn.Dense(channels, channels)
        self.squeeze = nn.Dense(channels, reduced, has_bias=False)
        self.excite = nn.Dense(reduced, channels, has_bias=False)

    def construct(self, memory: Tensor, temporal: Tensor, refined: Tensor) -> Tensor:
        """Memory m, temporal feature L_t and refined feature H_t, each [b d] -> f_t [b d]."""
        mixed = (self.linear(memory) + temporal) / 2.0
        gate = ops.sigmoid(self.excite(ops.relu(self.squeeze(mixed))))
        return refined * gate + refined


class RecurrentGates(nn.Cell):
    """Mean of the frames, each refined at its own position; parameters grow with the number of frames.

    Args:
        channels: d.
        frames: T of every clip.
        pooling: the mean, or guided pooling in its place.
    """

    reads = ("frames", "temporal_frames")
    gives = ("clip_features",)

    def __init__(self, channels: int, frames: int, pooling: nn.Cell) -> None:
        super().__init__()
        self.pooling = pooling
        self.lstm = nn.LSTM(channels, channels, num_layers=_LAYERS, batch_first=True)
        self.gates = nn.CellList([PositionGate(channels) for _ in range(frames)])
        self.positions = frames

    def construct(self, frames: Tensor, temporal_frames: Tensor, *guide: Tensor) -> Tensor:
        """Frames H and temporal frames L [b t d] -> X [b d]."""
        return self.pooling(self.refine(frames, temporal_frames), *guide)

    def refine(self, frames: Tensor, temporal_frames: Tensor) -> Tensor:
        """Frames H and temporal frames L [b t d] -> f [b t d]."""
        memory = self.memory(temporal_frames)
        refined = ()
        for position in range(self.positions):
            gate = self.gates[position]
            refined = refined + (gate(memory, temporal_frames[:, position], frames[:, position]),)
        return ops.stack(refined, 1)

    def memory(self, temporal_frames: Tensor) -> Tensor:
        """L [b t d] -> m [b d]."""
        outputs, _ = self.lstm(temporal_frames)
        return outputs[:, -1]
