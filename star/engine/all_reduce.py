"""Means over the processes that train together."""

import mindspore as ms
from mindspore import ParameterTuple, Tensor, nn, ops


class MeanOverProcesses(nn.Cell):
    """Means of tensors, all in one message: many small ones would each wait for the slowest process.

    Args:
        size: number of processes.
    """

    def __init__(self, size: int) -> None:
        super().__init__()
        self.sum = ops.AllReduce()
        self.size = size

    def construct(self, tensors: tuple) -> tuple:
        """Any shapes; float32 in between."""
        pieces = ()
        for tensor in tensors:
            pieces = pieces + (ops.reshape(ops.cast(tensor, ms.float32), (-1,)),)
        mean = self.sum(ops.cat(pieces)) / self.size
        means = ()
        start = 0
        for tensor in tensors:
            length = ops.size(tensor)
            means = means + (ops.cast(ops.reshape(mean[start : start + length], tensor.shape), tensor.dtype),)
            start = start + length
        return means


class RunningStatisticsMean(nn.Cell):
    """Gives every process the mean of all processes' running statistics of batch norm.

    Args:
        model: whose batch norms see each process's own rows.
        size: number of processes.
    """

    def __init__(self, model: nn.Cell, size: int) -> None:
        super().__init__(auto_prefix=False)
        named = [p for p in model.get_parameters() if p.name.endswith(("moving_mean", "moving_variance"))]
        self.statistics = ParameterTuple(named)
        self.mean = MeanOverProcesses(size)

    def construct(self) -> Tensor:
        """Changes the statistics; the result means nothing."""
        means = self.mean(self.statistics)
        for position in range(len(means)):
            ops.assign(self.statistics[position], means[position])
        return means[0]
