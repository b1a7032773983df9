"""What losses on the distances between rows share."""

import mindspore as ms
from mindspore import Tensor, nn, ops

_SMALLEST_SQUARE = 1e-12


def euclidean(x: Tensor) -> Tensor:
    """Euclidean distances of all rows, at least 1e-6: [n d] -> [n n] float32."""
    x = ops.cast(x, ms.float32)
    squares = ops.sum(x * x, 1, True)
    products = ops.matmul(x, ops.transpose(x, (1, 0)))
    return ops.sqrt(ops.maximum(squares + ops.transpose(squares, (1, 0)) - 2 * products, _SMALLEST_SQUARE))


def all_rows(gather_rows: nn.Cell | None, features: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Features [n d] float32 and labels [n] int32 of all processes; the own ones without `gather_rows`."""
    features = ops.cast(features, ms.float32)
    if gather_rows is None:
        return features, labels
    return gather_rows(features), ops.cast(gather_rows(ops.cast(labels, ms.float32)), ms.int32)
