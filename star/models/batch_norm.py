"""Batch norm over the batch of all processes.

`nn.SyncBatchNorm` runs on Ascend only. Here every process sends mean and sum of squared deviations of its rows, from
which each makes those of the whole batch (Chan et al. 1979).
"""

import mindspore as ms
from mindspore import Tensor, nn, ops

from star.ops import GatherRows
from star.types import Share


def _axes(x: Tensor) -> tuple[int, ...]:
    return (0, 2, 3) if len(x.shape) == 4 else (0,)


def _by_channel(vector: Tensor, x: Tensor) -> Tensor:
    """[c] -> the shape that is spread over [m c] or [m c h w]."""
    return ops.reshape(vector, (1, x.shape[1], 1, 1) if len(x.shape) == 4 else (1, x.shape[1]))


class Moments(nn.Cell):
    """Mean and sum of squared deviations of each channel."""

    def construct(self, x: Tensor) -> Tensor:
        """[m c] or [m c h w] -> [2 c] float32."""
        x = ops.cast(x, ms.float32)
        mean = ops.mean(x, _axes(x))
        return ops.stack((mean, ops.sum(ops.square(x - _by_channel(mean, x)), _axes(x))))


class Standardise(nn.Cell):
    """Each channel less its mean, times a factor, plus an offset."""

    def construct(self, x: Tensor, mean: Tensor, factor: Tensor, offset: Tensor) -> Tensor:
        """[m c] or [m c h w] and three of [c] float32 -> the shape and type of the first, calculated in float32."""
        y = (ops.cast(x, ms.float32) - _by_channel(mean, x)) * _by_channel(factor, x)
        return ops.cast(y + _by_channel(offset, x), x.dtype)


class GlobalBatchNorm(nn.Cell):
    """A batch norm whose statistics in training are those of all processes' rows; in evaluation it is `norm`.

    Args:
        norm: `nn.BatchNorm1d` or `nn.BatchNorm2d`; its parameters are used, and keep their names.
        share: this process; every process has the same number of rows.
    """

    def __init__(self, norm: nn.BatchNorm1d | nn.BatchNorm2d, share: Share) -> None:
        super().__init__(auto_prefix=False)
        self.norm = norm
        self.gather_rows = GatherRows(share)
        self.size = share.world_size
        self.eps = norm.eps
        self.rate = norm.momentum  # MindSpore keeps 1 - momentum under this name
        self.moments, self.standardise = Moments(), Standardise()
        if ms.get_context("device_target") != "CPU":  # what is between x and the result is float32, and twice its size
            self.moments.recompute()
            self.standardise.recompute()

    def construct(self, x: Tensor) -> Tensor:
        """[m c] or [m c h w] -> the same shape."""
        if not self.training:
            return self.norm(x)
        c = x.shape[1]
        own = ops.size(x) // c
        of_all = ops.reshape(self.gather_rows(self.moments(x)), (self.size, 2, c))
        whole_mean = ops.mean(of_all[:, 0], 0)
        squares = ops.sum(of_all[:, 1], 0) + own * ops.sum(ops.square(of_all[:, 0] - whole_mean), 0)
        variance = squares / (self.size * own)
        self._keep(whole_mean, squares / (self.size * own - 1))
        return self.standardise(x, whole_mean, ops.rsqrt(variance + self.eps) * self.norm.gamma, self.norm.beta)

    def _keep(self, mean: Tensor, variance: Tensor) -> None:
        """Move the running statistics, as MindSpore's batch norm does."""
        moving_mean, moving_variance = self.norm.moving_mean, self.norm.moving_variance
        ops.assign(moving_mean, moving_mean + self.rate * (ops.stop_gradient(mean) - moving_mean))
        ops.assign(moving_variance, moving_variance + self.rate * (ops.stop_gradient(variance) - moving_variance))


def use_global_batch_norm(model: nn.Cell, share: Share) -> None:
    """Put a `GlobalBatchNorm` in the place of every batch norm of a network; names of parameters stay."""
    names = {id(parameter): parameter.name for parameter in model.get_parameters()}
    replaced: dict[int, nn.Cell] = {}
    for _, parent in model.cells_and_names():
        if isinstance(parent, GlobalBatchNorm):
            continue
        for position, (name, cell) in enumerate(list(parent.name_cells().items())):
            if not isinstance(cell, nn.BatchNorm1d | nn.BatchNorm2d):
                continue
            replaced[id(cell)] = shared = replaced.get(id(cell)) or GlobalBatchNorm(cell, share)
            if isinstance(parent, nn.SequentialCell):
                parent[position] = shared
            else:
                setattr(parent, name, shared)
    for _, parent in model.cells_and_names():
        for name, value in list(vars(parent).items()):
            if type(value) in (list, tuple) and any(id(item) in replaced for item in value):
                setattr(parent, name, type(value)(replaced.get(id(item), item) for item in value))
    for parameter in model.get_parameters():
        parameter.name = names[id(parameter)]
