"""One training step as one function: forward, losses, gradients, update. Jitted as a whole in graph mode.

The step is a pure function of the weights, the optimiser's state, the batch and the draws; every random number comes
in from the host, so a resumed run repeats the steps of an uninterrupted one. Tensors come in one by one: with a
dictionary as its input a compiled function would be compiled again at every call.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import mindspore as ms
import numpy as np
from mindspore import ParameterTuple, Tensor, nn, ops
from mindspore.common.api import _pynative_executor

from star.engine.accumulate import SumOfParts, parts_of
from star.engine.apply_gradients import make_update
from star.engine.failed_part import all_parts, part_error
from star.engine.further import Objective, make_step
from star.engine.hardware import simulated
from star.engine.loss_scale import LossScale
from star.errors import NonFiniteLossError, StarError
from star.losses import WeightedLosses
from star.models.network import LABELS
from star.models.random_inputs import Arrays
from star.types import AnyBatch

logger = logging.getLogger(__name__)

TOTAL = "total"
_ADVICE = "lower schedule.learning_rate, set schedule.clip_norm, or look at the input of this step"


class Launched(NamedTuple):
    """A step the device may still be at.

    Attributes:
        names: of the loss terms and their total.
        values: of them.
        finite: whether the gradients were, and the weights have moved.
    """

    names: tuple[str, ...]
    values: Tensor
    finite: Tensor | bool


class Phase(NamedTuple):
    """The functions of a step while the same loss terms count.

    Attributes:
        names: of these terms and their total.
        update: the whole step, or what comes after its parts.
        add_part: called with every part of a batch; None: the batch is one.
    """

    names: tuple[str, ...]
    update: Callable[..., tuple[Tensor, Tensor | bool]]
    add_part: Callable[..., Tensor] | None = None


class Further(NamedTuple):
    """An optimiser that steps before the main one, on loss terms and parameters of its own.

    Attributes:
        optimiser: over the parameters of parts that the network calls late.
        terms: names of its loss terms.
    """

    optimiser: nn.Optimizer
    terms: tuple[str, ...]


class Optimisers(NamedTuple):
    """All that move parameters, each its own ones.

    Attributes:
        main: over the parameters of model and losses that are trained from the start.
        later: of parameters that only terms reach which count later, by the epoch they begin in.
        further: step before the main one; then the model has been cut.
    """

    main: nn.Optimizer
    later: Mapping[int, nn.Optimizer] = {}
    further: Sequence[Further] = ()


class TrainStep:
    """Apply one step to a network.

    Args:
        model: called with the tensors it names in `inputs`, those of the batch and what parts have drawn.
        losses: named terms and their weights.
        optimisers: of all parameters that are trained.
        graph: compile the whole step; otherwise run it operator by operator.
        clip_norm: largest global norm of the gradients; None: no clipping.
        processes: that train together; gradients and losses are means over them.
        parts: of every batch, one after the other; gradients and losses are means over them, too; 1 with further
            optimisers.
        loss_scale: for gradients in float16; a step whose gradients overflow is left out.
        even_out: gives the processes the same running statistics, at the end of every step; None: they have them.
    """

    def __init__(
        self,
        model: Any,
        losses: WeightedLosses,
        optimisers: Optimisers,
        *,
        graph: bool,
        clip_norm: float | None,
        processes: int = 1,
        parts: int = 1,
        loss_scale: LossScale | None = None,
        even_out: nn.Cell | None = None,
    ):
        self.inputs = tuple(model.inputs)
        self.parts = parts
        self.loss_scale = loss_scale
        self._model, self._losses = model, losses
        self._optimisers = {0: optimisers.main, **optimisers.later}
        self._further = tuple(optimisers.further)
        self._compiled: Callable[[Callable], Callable] = ms.jit if graph else lambda function: function
        self._moving = {"clip_norm": clip_norm, "processes": processes, "loss_scale": loss_scale, "graph": graph}
        self._even_out = even_out
        self._phases: dict[tuple[int, ...], Phase] = {}
        model.set_train(True)
        losses.set_train(True)

    @property
    def optimisers(self) -> list[nn.Optimizer]:
        """All of them: the main one, those that begin later, the further ones."""
        return [*self._optimisers.values(), *(further.optimiser for further in self._further)]

    def _phase(self, epoch: int) -> Phase:
        """What a step of an epoch calls: one compiled step for each set of terms that count together."""
        terms = tuple(place for place, first in enumerate(self._losses.from_epoch) if first <= epoch)
        if terms not in self._phases:
            optimisers = [optimiser for first, optimiser in self._optimisers.items() if first <= epoch]
            make = self._with_further if self._further else self._plain
            self._phases[terms] = make(terms, optimisers)
        return self._phases[terms]

    def _plain(self, positions: tuple[int, ...], optimisers: Sequence[nn.Optimizer]) -> Phase:
        model, losses, loss_scale, even_out = self._model, self._losses, self.loss_scale, self._even_out
        parameters = ParameterTuple([p for optimiser in optimisers for p in optimiser.parameters])
        names = (*(losses.names[position] for position in positions), TOTAL)

        def forward(identities: Tensor, *inputs: Tensor) -> tuple[Tensor, Tensor]:
            total, terms = losses.of(positions, model(*inputs), identities)
            values = ops.stack((*terms, total))
            return total if loss_scale is None else loss_scale(total), values

        value_and_grad = ms.value_and_grad(forward, None, parameters, has_aux=True)
        move = make_update(*optimisers, **self._moving)

        def apply(values: Tensor, gradients: tuple) -> tuple[Tensor, Tensor | bool]:
            result = move(values, gradients)
            if even_out is not None:
                even_out()
            return result

        def update(identities: Tensor, *inputs: Tensor) -> tuple[Tensor, Tensor | bool]:
            (_, values), gradients = value_and_grad(identities, *inputs)
            return apply(values, gradients)

        if self.parts == 1:
            return Phase(names, self._compiled(update))
        sums = SumOfParts(parameters, len(names), self.parts)

        def add_part(identities: Tensor, *inputs: Tensor) -> Tensor:
            (_, values), gradients = value_and_grad(identities, *inputs)
            return sums(values, gradients)

        def finish() -> tuple[Tensor, Tensor | bool]:
            result = apply(*sums.means())
            sums.clear()
            return result

        return Phase(names, self._compiled(finish), self._compiled(add_part))

    def _with_further(self, positions: tuple[int, ...], optimisers: Sequence[nn.Optimizer]) -> Phase:
        model, losses, even_out = self._model, self._losses, self._even_out
        place_of = {name: place for place, name in enumerate(losses.names)}
        own = [tuple(place_of[term] for term in further.terms) for further in self._further]
        main = tuple(place for place in positions if all(place not in places for places in own))
        cut = tuple(name for name in model.outputs if name not in LABELS)
        modality = self.inputs.index("modality") if "modality" in self.inputs else None

        def objective(places: tuple[int, ...], movers: Sequence[nn.Optimizer], scale: LossScale | None) -> Objective:
            def loss(targets: tuple[Tensor, ...], *features: Tensor) -> tuple[Tensor, Tensor]:
                known: dict[str, Tensor] = {}
                for position in range(len(cut)):
                    known[cut[position]] = features[position]
                identities = targets[0]
                if len(targets) > 1:
                    known["modality"] = targets[1]
                total, terms = losses.of(places, model.call_late(known), identities)
                values = ops.stack((*terms, total))
                return total if scale is None else scale(total), values

            update = make_update(*movers, **{**self._moving, "loss_scale": scale})
            return Objective(loss, ParameterTuple([p for mover in movers for p in mover.parameters]), update)

        def early(*inputs: Tensor) -> tuple[Tensor, ...]:
            output = model(*inputs)
            features = ()
            for name in cut:
                features = features + (output[name],)
            return features

        step = make_step(
            early,
            len(cut),
            objective(main, optimisers, self.loss_scale),
            before=[
                objective(places, [further.optimiser], None) for places, further in zip(own, self._further, strict=True)
            ],
        )

        def update(identities: Tensor, *inputs: Tensor) -> tuple[Tensor, Tensor | bool]:
            targets = (identities,) if modality is None else (identities, inputs[modality])
            moved = step(targets, *inputs)
            values = ()
            for position in range(1, len(moved)):
                values = values + (moved[position][0][:-1],)
            if even_out is not None:
                even_out()
            return ops.cat((*values, moved[0][0])), moved[0][1]

        names = tuple(losses.names[place] for places in (*own, main) for place in places)
        return Phase((*names, TOTAL), self._compiled(update))

    def __call__(self, batch: AnyBatch, draws: Sequence[Arrays], step: int, epoch: int = 0) -> dict[str, float]:
        """Train on one batch and wait for its losses; see `launch` and `losses`."""
        return self.losses(self.launch(batch, draws, epoch), step)

    def launch(self, batch: AnyBatch, draws: Sequence[Arrays], epoch: int = 0) -> Launched:
        """Train on one batch without waiting for it.

        Args:
            batch: of clips.
            draws: the step's random numbers by name, for every part of the batch.
            epoch: counted from 0; it decides which loss terms count.

        Raises:
            PartError: the code of a part or a loss term failed.
        """
        inputs = [self._tensors(*part) for part in zip(parts_of(batch, self.parts), draws, strict=True)]
        try:
            return self._move(self._phase(epoch), inputs)
        except StarError:
            raise
        except Exception as error:  # a part may raise anything
            _pynative_executor.clear_res()  # MindSpore would go on recording gradients, for the next job of a sweep too
            named = part_error(error, all_parts(self._model, self._losses))
            if named is None:
                raise
            raise named from error

    @staticmethod
    def _move(phase: Phase, inputs: Sequence[tuple[Tensor, ...]]) -> Launched:
        if phase.add_part is None:
            return Launched(phase.names, *phase.update(*inputs[0]))
        for part in inputs:
            phase.add_part(*part)
        return Launched(phase.names, *phase.update())

    def losses(self, launched: Launched, step: int) -> dict[str, float]:
        """The unweighted loss terms of a launched step by name, and the weighted "total".

        Args:
            launched: the step.
            step: its number, for messages.

        Raises:
            NonFiniteLossError: names the terms that are NaN or infinite, or says that gradients overflow without any
                loss scale. The weights may be spoilt by then; the last checkpoint is not.
        """
        losses = dict(zip(launched.names, launched.values.asnumpy().tolist(), strict=True))
        if simulated():
            return losses
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
