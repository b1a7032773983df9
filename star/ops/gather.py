"""Rows of all processes, with the gradient that goes back to each.

MindSpore's own gradient of `AllGather` is `ReduceScatter`, which has no CPU kernel; the same numbers come from
`AllReduce`, of which every process keeps its rows.
"""

from mindspore import Tensor, nn, ops

from star.types import Share


class GatherRows(nn.Cell):
    """The rows of process 0, then those of process 1, ...; every process has the same number of rows.

    The gradient of a process's rows is the sum of the gradients that all processes have for them. Gradients of weights
    that are averaged over the processes are then those of the mean of the processes' losses.

    Args:
        share: this process; the communication must have been started.
    """

    def __init__(self, share: Share) -> None:
        super().__init__()
        self.rank = share.rank
        self.gather = ops.AllGather()
        self.sum = ops.AllReduce()

    def construct(self, rows: Tensor) -> Tensor:
        """[n ...] -> [size*n ...]."""
        return self.gather(rows)

    def bprop(self, rows: Tensor, out: Tensor, gradient: Tensor) -> tuple[Tensor]:
        """What MindSpore calls for the gradient of `rows`."""
        n = rows.shape[0]
        return (self.sum(gradient)[self.rank * n : (self.rank + 1) * n],)
