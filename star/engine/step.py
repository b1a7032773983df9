"""One training step as one function: forward, losses, gradients, update. Jitted as a whole in graph mode.

The step is a pure function of the weights, the optimiser's state, the batch and the draws; every random number comes
in from the host, so a resumed run repeats the steps of an uninterrupted one. Tensors come in one by one: with a
dictionary as its input a compiled function would be compiled again at every call.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import NamedTuple

import mindspore as ms
import numpy as np
from mindspore import Tensor, nn, ops

from star.engine.accumulate import SumOfParts, parts_of
from star.engine.loss_scale import LossScale
from star.engine.update import make_update
from star.errors import NonFiniteLossError
from star.losses import WeightedLosses
from star.models.random_inputs import Arrays
from star.ops import read
from star.types import AnyBatch

logger = logging.getLogger(__name__)

_ADVICE = "lower schedule.learning_rate, set schedule.clip_norm, or look at the input of this step"


class Launched(NamedTuple):
    """A step the device may still be at.

    Attributes:
        values: the loss terms and their total.
        finite: whether the gradients were, and the weights have moved.
    """

    values: Tensor
    finite: Tensor | bool


class TrainStep:
    """Apply one step to a network.

    Args:
        model: called with the tensors it names in `inputs`, those of the batch and what parts have drawn.
        losses: named terms and their weights.
        optimiser: over the parameters of model and losses.
        graph: compile the whole step; otherwise run it operator by operator.
        clip_norm: largest global norm of the gradients; None: no clipping.
        processes: that train together; gradients and losses are means over them.
        parts: of every batch, one after the other; gradients and losses are means over them, too.
        loss_scale: for gradients in float16; a step whose gradients overflow is left out.
        even_out: gives the processes the same running statistics, at the end of every step; None: they have them.
    """

    def __init__(
        self,
        model: nn.Cell,
        losses: WeightedLosses,
        optimiser: nn.Optimizer,
        *,
        graph: bool,
        clip_norm: float | None,
        processes: int = 1,
        parts: int = 1,
        loss_scale: LossScale | None = None,
        even_out: nn.Cell | None = None,
    ):
        self.names = (*losses.names, "total")
        self.inputs = tuple(model.inputs)
        self.parts = parts
        self.loss_scale = loss_scale

        def forward(identities: Tensor, *inputs: Tensor) -> tuple[Tensor, Tensor]:
            total, terms = losses(model(*inputs), identities)
            values = ops.stack((*terms, total))
            return total if loss_scale is None else loss_scale(total), values

        value_and_grad = ms.value_and_grad(forward, None, optimiser.parameters, has_aux=True)
        move = make_update(optimiser, clip_norm=clip_norm, processes=processes, loss_scale=loss_scale)

        def apply(values: Tensor, gradients: tuple) -> tuple[Tensor, Tensor | bool]:
            result = move(values, gradients)
            if even_out is not None:
                even_out()
            return result

        def update(identities: Tensor, *inputs: Tensor) -> tuple[Tensor, Tensor | bool]:
            (_, values), gradients = value_and_grad(identities, *inputs)
            return apply(values, gradients)

        compiled = ms.jit if graph else lambda function: function
        self._update = compiled(update)
        if parts > 1:
            sums = SumOfParts(optimiser.parameters, len(self.names), parts)

            def add_part(identities: Tensor, *inputs: Tensor) -> Tensor:
                (_, values), gradients = value_and_grad(identities, *inputs)
                return sums(values, gradients)

            def finish() -> tuple[Tensor, Tensor | bool]:
                result = apply(*sums.means())
                sums.clear()
                return result

            self._add_part, self._finish = compiled(add_part), compiled(finish)
        model.set_train(True)

    def __call__(self, batch: AnyBatch, draws: Sequence[Arrays], step: int) -> dict[str, float]:
        """Train on one batch and wait for its losses; see `launch` and `losses`."""
        return self.losses(self.launch(batch, draws), step)

    def launch(self, batch: AnyBatch, draws: Sequence[Arrays]) -> Launched:
        """Train on one batch without waiting for it.

        Args:
            batch: of clips.
            draws: the step's random numbers by name, for every part of the batch.
        """
        inputs = [self._tensors(*part) for part in zip(parts_of(batch, self.parts), draws, strict=True)]
        if self.parts == 1:
            return Launched(*self._update(*inputs[0]))
        for part in inputs:
            self._add_part(*part)
        return Launched(*self._finish())

    def losses(self, launched: Launched, step: int) -> dict[str, float]:
        """The unweighted loss terms of a launched step by name, and the weighted "total".

        Args:
            launched: the step.
            step: its number, for messages.

        Raises:
            NonFiniteLossError: names the terms that are NaN or infinite, or says that gradients overflow without any
                loss scale. The weights may be spoilt by then; the last checkpoint is not.
        """
        losses = dict(zip(self.names, read(launched.values).tolist(), strict=True))
        bad = [name for name, value in losses.items() if not np.isfinite(value)]
        if bad:
            text = ", ".join(f"{name}={value:.4g}" for name, value in losses.items())
            raise NonFiniteLossError(f"step {step}: loss term {', '.join(bad)} is not finite ({text}); {_ADVICE}")
        if self.loss_scale is not None and not launched.finite:
            scale = self.loss_scale.points()["precision/loss_scale"]
            logger.info("step %d is left out: its gradients overflowed; the loss scale is now %g", step, scale)
            if scale <= 1:
                raise NonFiniteLossError(f"step {step}: the gradients are not finite at a loss scale of 1; {_ADVICE}")
        return losses

    def points(self) -> dict[str, float]:
        """What the tracker should know besides losses: scale and number of steps left out, if there is a scale."""
        return {} if self.loss_scale is None else self.loss_scale.points()

    def _tensors(self, batch: AnyBatch, draws: Arrays) -> tuple[Tensor, ...]:
        known = batch.inputs | draws
        return tuple(Tensor.from_numpy(known[name]) for name in ("identities", *self.inputs))
