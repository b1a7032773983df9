"""One training step with several optimisers, each for its own parameters and its own loss.

MITML's code does this: the modality classifier steps on the clip features of the present weights; then the network
steps on its losses, one of which goes through the classifier as it is after its step, and what that adds to the
gradient of the classifier's own weights is discarded.

The trap: with the further step inside the function that `value_and_grad` differentiates, it is left to MindSpore which
reads of the weights come before that step and which after it, in the forward pass and again in the backward pass; this
was seen to move weights wrongly from the second step on, and nothing said so. So here no optimiser steps in a function
that is differentiated. The network is cut: `early` gives everything the losses read, without any parameter of a further
optimiser; the losses themselves call what has these. The further optimisers step on the detached outputs of `early`.
The gradient of the main loss with respect to the outputs is taken after that (or before), and only then pulled back
through `early`, which has run once. So its running statistics move once a step, and those of a part that losses call
move once for every loss that calls it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import mindspore as ms
from mindspore import ParameterTuple, Tensor, ops

from star.engine.apply_gradients import Update


class Objective(NamedTuple):
    """What an optimiser makes small.

    Attributes:
        loss: called as `loss(targets, *outputs of early)`; gives the loss, times the loss scale if `update` has one,
            and the [m] loss values that `update` gets.
        parameters: of the optimiser, in its order; their gradients go to `update`.
        update: moves them, see `star.engine.apply_gradients.make_update`.
    """

    loss: Callable[..., tuple[Tensor, Tensor]]
    parameters: ParameterTuple
    update: Update


Moved = tuple[Tensor, Tensor | bool]
"""What an `Update` gives: loss values, and whether the weights have moved."""


def make_step(
    early: Callable[..., tuple[Tensor, ...]],
    outputs: int,
    main: Objective,
    *,
    before: Sequence[Objective] = (),
    after: Sequence[Objective] = (),
) -> Callable[..., tuple[Moved, ...]]:
    """One step of all optimisers, to be compiled as it is or run operator by operator.

    Args:
        early: network up to what the losses read; called as `early(*inputs)`, gives a tuple of floating-point tensors.
            Of the parameters that are trained, it has such of the main optimiser only.
        outputs: how many tensors `early` gives.
        main: its loss reads the outputs of `early` with gradient; it may have further parameters of its optimiser.
        before: their losses read the outputs detached; they step first, so the main loss sees their moved parameters.
        after: the same, but they step after the main optimiser, on the same outputs.

    Returns:
        `step(targets, *inputs)`: what the updates gave, in the order main, before, after. `targets` is handed on to the
        losses. It may be a tuple of tensors if the compiled function makes it; as an argument of a compiled function a
        tuple would have it compiled again for other values.
    """
    first, last = tuple(map(_detached_step, before)), tuple(map(_detached_step, after))
    loss, parameters, update = main
    differentiate = ms.value_and_grad(loss, tuple(range(1, outputs + 1)), parameters, has_aux=True)

    def only(*inputs: Tensor) -> Tensor:
        return early(*inputs)[0]

    def step(targets: Tensor | tuple[Tensor, ...], *inputs: Tensor) -> tuple[Moved, ...]:
        features, pull_back = ms.vjp(only if outputs == 1 else early, *inputs, weights=parameters)
        if outputs == 1:
            features = (features,)
        detached = ()
        for feature in features:
            detached = detached + (ops.stop_gradient(feature),)
        moved = ()
        for move in first:
            moved = moved + (move(targets, *detached),)
        (_, values), (wanted, direct) = differentiate(targets, *detached)
        if outputs == 1:
            wanted = (wanted,)
        _, pulled = pull_back(*wanted)
        gradients = ()
        for position in range(len(pulled)):
            gradients = gradients + (pulled[position] + direct[position],)
        moved = (update(values, gradients),) + moved
        for move in last:
            moved = moved + (move(targets, *detached),)
        return moved

    return step


def _detached_step(objective: Objective) -> Callable[..., Moved]:
    loss, parameters, update = objective
    differentiate = ms.value_and_grad(loss, None, parameters, has_aux=True)

    def move(targets: Tensor | tuple[Tensor, ...], *detached: Tensor) -> Moved:
        (_, values), gradients = differentiate(targets, *detached)
        return update(values, gradients)

    return move
