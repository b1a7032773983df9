"""Batch norm over the batch of all processes.

`nn.SyncBatchNorm` runs on Ascend only. Here every process sends mean and sum of squared deviations of its rows, from
which each makes those of the whole batch (Chan et al. 1979).
"""

import mindspore as ms
from mindspore import Tensor, nn, ops

from star.ops import GatherRows
from star.types import Share


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
        self.size = share.size
        self.eps = norm.eps
        self.rate = norm.momentum  # MindSpore keeps 1 - momentum under this name

    def construct(self, x: Tensor) -> Tensor:
        """[m c] or [m c h w] -> the same shape."""
        if not self.training:
            return self.norm(x)
        kind = x.dtype
        x = ops.cast(x, ms.float32)
        c = x.shape[1]
        axes = (0, 2, 3) if len(x.shape) == 4 else (0,)
        shape = (1, c, 1, 1) if len(x.shape) == 4 else (1, c)
        own = ops.size(x) // c
        mean = ops.mean(x, axes)
        squares = ops.sum(ops.square(x - ops.reshape(mean, shape)), axes)
        of_all = ops.reshape(self.gather_rows(ops.stack((mean, squares))), (self.size, 2, c))
        whole_mean = ops.mean(of_all[:, 0], 0)
        squares = ops.sum(of_all[:, 1], 0) + own * ops.sum(ops.square(of_all[:, 0] - whole_mean), 0)
        variance = squares / (self.size * own)
        self._keep(whole_mean, squares / (self.size * own - 1))
        x = (x - ops.reshape(whole_mean, shape)) * ops.reshape(ops.rsqrt(variance + self.eps) * self.norm.gamma, shape)
        return ops.cast(x + ops.reshape(self.norm.beta, shape), kind)

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
