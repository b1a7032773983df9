"""Pooling over height and width: from maps to frame features (method: the network, backbone; AGW, TPAMI 2021).

| paper / method                              | here                                    |
|---------------------------------------------|-----------------------------------------|
| f, global average pool                      | `Average`                               |
| (mean over h w of x^3 + 1e-12)^(1/3)        | `GeneralisedMeanOverMap`                |
"""

from typing import Annotated

import mindspore as ms
from mindspore import Tensor, nn, ops

from star.bounds import Bounds
from star.ops import Reduce

_EPSILON = 1e-12


class Average(nn.Cell):
    """Mean over height and width."""

    non_negative = True

    def __init__(self) -> None:
        super().__init__()
        self.average = Reduce("m d h w -> m d", "mean")

    def construct(self, maps: Tensor) -> Tensor:
        """[m d h w] -> [m d]."""
        return self.average(maps)


class GeneralisedMeanOverMap(nn.Cell):
    """Generalised mean over height and width, of maps that are not negative.

    Args:
        power: at least 1; 1 is the mean, large powers come near the maximum.
    """

    non_negative = True

    def __init__(self, power: Annotated[float, Bounds(minimum=1)] = 3.0) -> None:
        super().__init__()
        self.power = float(power)
        self.average = Reduce("m d h w -> m d", "mean")

    def construct(self, maps: Tensor) -> Tensor:
        """[m d h w] -> [m d] float32."""
        x = ops.maximum(ops.cast(maps, ms.float32), 0.0)
        return ops.pow(self.average(ops.pow(x, self.power)) + _EPSILON, 1.0 / self.power)
