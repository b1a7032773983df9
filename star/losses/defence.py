"""Defence against the style attack (SAADG, ACM MM 2023; STAR, arXiv 2411.11069, the baseline it stands on).

| paper / method                                  | here                                      |
|-------------------------------------------------|-------------------------------------------|
| mean over frames of || f - f' ||_2              | `Defence` on `frame_features`, `disturbed_features` |

Both sides get gradients, as in the authors' code.
"""

from typing import ClassVar

import mindspore as ms
from mindspore import Tensor, nn, ops

_SMALLEST_SQUARE = 1e-12


class Defence(nn.Cell):
    """Mean Euclidean distance between clean and attacked frame features."""

    reads: ClassVar[tuple[str, ...]] = ("frame_features", "disturbed_features")

    def construct(self, clean: Tensor, disturbed: Tensor) -> Tensor:
        """Two [m d] -> scalar."""
        difference = ops.cast(clean - disturbed, ms.float32)
        squares = ops.sum(difference * difference, 1)
        return ops.mean(ops.sqrt(ops.maximum(squares, _SMALLEST_SQUARE)))
