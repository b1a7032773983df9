"""Normalisation of uint8 frames for the trunk (method: input of the network)."""

from collections.abc import Sequence
from typing import Literal

import mindspore as ms
import numpy as np
from mindspore import Tensor, nn, ops

from star.errors import ConfigError, Problem
from star.ops import Rearrange


class Normalise(nn.Cell):
    """Subtracts the mean and divides by the deviation, channel by channel.

    Args:
        mean: three numbers on the scale 0..255, in `channel_order`.
        std: three positive numbers on the scale 0..255, in `channel_order`.
        channel_order: order of the channels the weights were trained with; the frames given are always RGB.

    Raises:
        ConfigError: not three numbers, a deviation that is not positive, or an unknown order.
    """

    def __init__(
        self, mean: Sequence[float], std: Sequence[float], channel_order: Literal["rgb", "bgr"] = "rgb"
    ) -> None:
        super().__init__()
        problems = [
            Problem(f"backbone.{key}", str(list(given)), "three numbers, one for each channel")
            for key, given in (("mean", mean), ("std", std))
            if len(given) != 3
        ]
        if any(value <= 0 for value in std):
            problems.append(Problem("backbone.std", str(list(std)), "numbers above 0"))
        if channel_order not in ("rgb", "bgr"):
            problems.append(Problem("backbone.channel_order", repr(channel_order), "'rgb' or 'bgr'"))
        if problems:
            raise ConfigError(problems)
        self.mean = Tensor(np.asarray(mean, np.float32).reshape(3, 1))
        self.scale = Tensor((1.0 / np.asarray(std, np.float64)).astype(np.float32).reshape(3, 1))
        self.reverse_channels = channel_order == "bgr"
        self.reversed_order = Tensor([2, 1, 0], ms.int32)
        self.channels_first = Rearrange("n pixels c -> n c pixels")

    def construct(self, frames: Tensor) -> Tensor:
        """[b t h w c] uint8, RGB -> [b t c h w] float32."""
        b, t, h, w, c = frames.shape
        x = self.channels_first(ops.cast(ops.reshape(frames, (b * t, h * w, c)), ms.float32))
        if self.reverse_channels:
            x = ops.gather(x, self.reversed_order, 1)
        return ops.reshape((x - self.mean) * self.scale, (b, t, c, h, w))
