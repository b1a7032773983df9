"""Pooling over the frames of a clip (STAR, arXiv 2411.11069, sequence-level guidance).

| paper / method                                         | here                           |
|--------------------------------------------------------|--------------------------------|
| u_p = (mean_t F^p + 1e-12)^(1/p)                       | `generalised_mean`             |
| w = softmax over the powers of linear maps of z        | `GuidedPooling.weights`        |
| X = sum_p w_p u_p                                      | `GuidedPooling`                |
| baseline: generalised mean with p = 3                  | `GeneralisedMean`              |
| mean over the frames                                   | `Mean`                         |
| ablation: the limit of large p                         | `Maximum`                      |

We differ in one guard: features are taken as at least 1e-6. A power below 1 has an infinite slope at zero, which would
make the gradient NaN where a channel is dead in all frames.
"""

from collections.abc import Sequence
from typing import Annotated

import mindspore as ms
from mindspore import Tensor, nn, ops

from star.bounds import Bounds
from star.errors import ConfigError, Problem
from star.ops import Rearrange, Reduce

_SMALLEST = 1e-6
_EPSILON = 1e-12


def generalised_mean(frames: Tensor, power: float) -> Tensor:
    """[b t d] -> [b d] float32."""
    x = ops.maximum(ops.cast(frames, ms.float32), _SMALLEST)
    return ops.pow(ops.mean(ops.pow(x, power), 1) + _EPSILON, 1.0 / power)


class Mean(nn.Cell):
    """The mean over the frames, of features of any sign."""

    reads = ("frames",)
    gives = ("clip_features",)
    is_mean_over_frames = True

    def construct(self, frames: Tensor) -> Tensor:
        """[b t d] -> [b d] float32."""
        return ops.mean(ops.cast(frames, ms.float32), 1)


class GeneralisedMean(nn.Cell):
    """Generalised mean with one fixed power, of features that are not negative.

    Args:
        power: above 0; 1 is the mean, large powers come near the maximum.

    Raises:
        ConfigError: a power that is not above 0.
    """

    reads = ("frames",)
    gives = ("clip_features",)
    is_mean_over_frames = True

    def __init__(self, power: Annotated[float, Bounds(above=0)] = 3.0) -> None:
        super().__init__()
        if power <= 0:
            raise ConfigError([Problem("aggregation.power", str(power), "a number above 0")])
        self.power = float(power)

    def construct(self, frames: Tensor) -> Tensor:
        """[b t d], not negative -> [b d] float32."""
        return generalised_mean(frames, self.power)


class Maximum(nn.Cell):
    """The largest value of each channel over the frames; a power large enough to come near it overflows."""

    reads = ("frames",)
    gives = ("clip_features",)

    def __init__(self) -> None:
        super().__init__()
        self.largest = Reduce("b t d -> b d", "max")

    def construct(self, frames: Tensor) -> Tensor:
        """[b t d] -> [b d] float32."""
        return self.largest(ops.cast(frames, ms.float32))


class GuidedPooling(nn.Cell):
    """Generalised means with several powers, mixed channel by channel as the pose descriptor says.

    Args:
        channels: d.
        guide_channels: width of the pose descriptor.
        powers: each above 0.

    Raises:
        ConfigError: no power, or one that is not above 0.
    """

    reads = ("frames", "descriptor")
    gives = ("clip_features",)

    def __init__(
        self,
        channels: int,
        guide_channels: int,
        powers: Annotated[Sequence[float], Bounds(above=0)] = (0.7, 1.0, 3.0, 5.0, 7.0),
    ) -> None:
        super().__init__()
        if len(powers) == 0 or any(power <= 0 for power in powers):
            raise ConfigError([Problem("guidance.sequence.powers", str(list(powers)), "one or more numbers above 0")])
        self.powers = tuple(float(power) for power in powers)
        self.mixture = nn.Dense(guide_channels, len(self.powers) * channels)
        self.split_powers = Rearrange("b (p d) -> b p d", p=len(self.powers))

    def construct(self, frames: Tensor, guide: Tensor) -> Tensor:
        """Frames F [b t d], not negative, guide z [b guide_channels] -> X [b d] float32."""
        means = ()
        for power in self.powers:
            means = means + (generalised_mean(frames, power),)
        return ops.sum(self.weights(guide) * ops.stack(means, 1), 1)

    def weights(self, guide: Tensor) -> Tensor:
        """Guide z [b guide_channels] -> w [b p d] float32, the sum over the powers is 1."""
        return ops.softmax(self.split_powers(ops.cast(self.mixture(guide), ms.float32)), 1)
