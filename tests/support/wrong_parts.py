"""Parts that a configuration cannot use, each for a reason of its own, and a few that it can."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

import numpy as np
from mindspore import Tensor, nn, ops

from star.bounds import Bounds
from star.errors import ConfigError, Problem


class Trunk(nn.Cell):
    """A trunk of one stage whose features may be negative."""

    out_channels = 8

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 4, 4, pad_mode="valid")

    def construct(self, frames: Tensor) -> Tensor:
        return self.conv(frames)


class Positive(Trunk):
    non_negative = True

    def construct(self, frames: Tensor) -> Tensor:
        return ops.relu(self.conv(frames))


class NoWidth(nn.Cell):
    def construct(self, frames: Tensor) -> Tensor:
        return frames


class Branch(nn.Cell):
    """A branch with arguments of many kinds."""

    reads = ("clip_features",)
    gives = ("branch_features",)
    training_only = True

    def __init__(
        self,
        channels: int,
        rate: Annotated[float, Bounds(minimum=0, maximum=1)],
        kind: Literal["mean", "sum"] = "mean",
        sizes: Sequence[int] = (1, 2),
        name: str | None = None,
    ) -> None:
        super().__init__()
        self.dense = nn.Dense(channels, channels)

    def construct(self, features: Tensor) -> Tensor:
        return self.dense(features)


class Pairs(Branch):
    """Works on two tracklets of an identity."""

    def __init__(self, channels: int, tracklets: int) -> None:
        if tracklets != 2:
            raise ConfigError([Problem("schedule.tracklets", str(tracklets), "2, which this branch pairs")])
        super().__init__(channels, 0.5)


class Raises(Branch):
    def __init__(self, channels: int) -> None:
        raise KeyError("no such table")


class GivesLabels(Branch):
    gives = ("identities",)


class InEvaluation(Branch):
    reads = ("clip_logits",)
    training_only = False


class Unread(Branch):
    def random_inputs(self, rng: np.random.Generator, clips: int, frames: int) -> dict[str, np.ndarray]:
        return {"noise": rng.random(clips)}


class NotLast(Branch):
    reads = ("noise", "clip_features")
    training_only = False

    def random_inputs(self, rng: np.random.Generator, clips: int, frames: int) -> dict[str, np.ndarray]:
        return {"noise": rng.random(clips)}


class Head(nn.Cell):
    reads = ("clip_features",)
    gives = ("clip_logits",)

    def __init__(self, channels: int, identities: int) -> None:
        super().__init__()
        self.dense = nn.Dense(channels, identities)

    def construct(self, features: Tensor) -> Tensor:
        return self.dense(features)


class NoReads(nn.Cell):
    def construct(self, x: Tensor) -> Tensor:
        return ops.mean(x)


class Across(nn.Cell):
    """Looks at all rows, and is not told of those of other processes."""

    reads = ("clip_features",)
    across_rows = True

    def construct(self, x: Tensor) -> Tensor:
        return ops.mean(ops.square(x - ops.mean(x, 0)))


class Pooling(nn.Cell):
    """Takes the guided pooling where there is one."""

    reads = ("frames",)
    gives = ("clip_features",)

    def __init__(self, pooling: nn.Cell) -> None:
        super().__init__()
        self.pooling = pooling

    def construct(self, frames: Tensor, *guide: Tensor) -> Tensor:
        return self.pooling(2 * frames, *guide)
