"""The update of the weights from the gradients of a step: mean over processes, clipping, optimisers."""

import inspect
from collections.abc import Callable
from itertools import accumulate
from types import MethodType

from mindspore import Tensor, nn, ops

from star.engine.all_reduce import MeanOverProcesses
from star.engine.loss_scale import LossScale

Update = Callable[[Tensor, tuple], tuple[Tensor, Tensor | bool]]
"""(loss values, gradients) -> (loss values, whether the gradients were finite and the weights have moved)."""


def make_update(
    *optimisers: nn.Optimizer,
    clip_norm: float | None,
    processes: int,
    loss_scale: LossScale | None,
    graph: bool = True,
) -> Update:
    """Mean over the processes, scale taken off, clipping, optimisers.

    Args:
        optimisers: of the gradients in their order. Their step counters, and with them the learning rates, go on when
            a step is left out.
        clip_norm: largest global norm of the gradients; None: no clipping.
        processes: that train together.
        loss_scale: the gradients are of the loss times it; None: of the loss, and no step is left out.
        graph: it is called inside a compiled step; otherwise operator by operator.
    """
    mean = MeanOverProcesses(processes) if processes > 1 else None
    ends = tuple(accumulate((len(optimiser.parameters) for optimiser in optimisers), initial=0))
    moves = optimisers if graph else tuple(map(_without_compiling, optimisers))

    def move(gradients: tuple) -> None:
        if clip_norm is not None:
            gradients = ops.clip_by_global_norm(gradients, clip_norm)
        for position in range(len(moves)):
            moves[position](gradients[ends[position] : ends[position + 1]])

    def update(values: Tensor, gradients: tuple) -> tuple[Tensor, Tensor | bool]:
        if mean is not None:
            means = mean((values, *gradients))
            values, gradients = means[0], means[1:]
        if loss_scale is None:
            move(gradients)
            return values, True
        finite = loss_scale.finite(gradients)
        if finite:
            move(loss_scale.unscale(gradients))
        else:
            for optimiser in optimisers:
                optimiser.assignadd(optimiser.global_step, optimiser.global_step_increase_tensor)
        loss_scale.adjust(finite)
        return values, finite

    return update


def _without_compiling(optimiser: nn.Optimizer) -> Callable[[tuple], object]:
    """The optimiser's own step; MindSpore puts `ms.jit` around it, which takes seconds before the first one."""
    return MethodType(inspect.unwrap(type(optimiser).construct), optimiser)
