"""One training step as one function: forward, losses, gradients, update. Jitted as a whole in graph mode.

The step is a pure function of the weights, the optimiser's state, the batch and the draws; every random number comes
in from the host, so a resumed run repeats the steps of an uninterrupted one.
"""

from __future__ import annotations

from collections.abc import Sequence

import mindspore as ms
import numpy as np
from mindspore import Parameter, Tensor, nn, ops

from star.engine.average import MeanOverProcesses
from star.errors import NonFiniteLossError
from star.losses import WeightedLosses
from star.types import TrainBatch, TrainingDraws


def sgd(
    groups: Sequence[tuple[Sequence[Parameter], np.ndarray]], *, momentum: float, nesterov: bool, weight_decay: float
) -> nn.SGD:
    """SGD over parameter groups, each with the learning rate of every step.

    Args:
        groups: (parameters, [steps] learning rates) pairs.
        momentum, nesterov, weight_decay: as in PyTorch's SGD; the decay holds for all parameters.
    """
    return nn.SGD(
        [
            {"params": list(parameters), "lr": rates.tolist(), "weight_decay": weight_decay}
            for parameters, rates in groups
            if parameters
        ],
        learning_rate=groups[0][1].tolist(),
        momentum=momentum,
        nesterov=nesterov,
    )


class TrainStep:
    """Apply one step to a network.

    Args:
        model: called as `model(visible, infrared, visible_joints, infrared_joints, gains, channels, same_modality,
            other_modality, *dropout)`.
        losses: named terms and their weights.
        optimiser: over the model's parameters.
        graph: compile the whole step; otherwise run it operator by operator.
        clip_norm: largest global norm of the gradients; None: no clipping.
        processes: that train together; gradients and losses are means over them.
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
    ):
        self.names = losses.names
        mean = MeanOverProcesses(processes) if processes > 1 else None

        def forward(identities: Tensor, *inputs: Tensor) -> tuple[Tensor, Tensor]:
            total, terms = losses(model(*inputs), identities)
            return total, ops.stack(terms)

        value_and_grad = ms.value_and_grad(forward, None, optimiser.parameters, has_aux=True)

        def update(identities: Tensor, *inputs: Tensor) -> tuple[Tensor, Tensor]:
            (total, terms), gradients = value_and_grad(identities, *inputs)
            if mean is not None:
                means = mean((total, terms, *gradients))
                total, terms, gradients = means[0], means[1], means[2:]
            if clip_norm is not None:
                gradients = ops.clip_by_global_norm(gradients, clip_norm)
            optimiser(gradients)
            return total, terms

        self._update = ms.jit(update) if graph else update
        model.set_train(True)

    def __call__(self, batch: TrainBatch, draws: TrainingDraws, step: int) -> dict[str, float]:
        """Train on one batch.

        Args:
            batch: P x K clips of each modality.
            draws: the step's random numbers.
            step: number of the step, for the error message.

        Returns:
            The unweighted loss terms by name and the weighted "total".

        Raises:
            NonFiniteLossError: names the terms that are NaN or infinite. The weights are spoilt by then; the last
                checkpoint is not.
        """
        identities = np.concatenate([batch.identities, batch.identities])
        arrays = (*batch[:4], *draws[:4], *draws.dropout)
        total, terms = self._update(*map(Tensor.from_numpy, (identities, *arrays)))
        values = dict(zip(self.names, terms.asnumpy().tolist(), strict=True)) | {"total": float(total.asnumpy())}
        bad = [name for name, value in values.items() if not np.isfinite(value)]
        if bad:
            terms_text = ", ".join(f"{name}={value:.4g}" for name, value in values.items())
            raise NonFiniteLossError(
                f"step {step}: loss term {', '.join(bad)} is not finite ({terms_text}); "
                "lower schedule.learning_rate, set schedule.clip_norm, or look at the input of this step"
            )
        return values
