"""Optimisers by PyTorch's rules, as recipes that a configuration names.

`build` makes the optimiser of a recipe (`SGD`, `Adam`, `AdamW`) once its groups of parameters and the rate of every
step are known. MindSpore's SGD is PyTorch's. Its Adam is not: `nn.Adam` adds eps before the bias correction (after
three steps from zero with gradients around 1e-6 the weights have moved half as far), and `nn.AdamWeightDecay` corrects
no bias. So `MomentAdam` is ours.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import mindspore as ms
import numpy as np
from mindspore import Parameter, Tensor, nn, ops

from star.bounds import Bounds
from star.errors import ConfigError, Problem

RatedParameters = tuple[Sequence[Parameter], np.ndarray, float]
"""(parameters, [steps] float32 learning rate of each step, factor on the weight decay)."""


@dataclass(frozen=True)
class SGD:
    """Stochastic gradient descent as in `torch.optim.SGD`.

    Args:
        momentum: share of the last step's direction.
        nesterov: look one momentum ahead.
        weight_decay: added to the gradient, times the weight.

    Raises:
        ConfigError: `nesterov` without any momentum.
    """

    momentum: Annotated[float, Bounds(minimum=0, maximum=1)] = 0.9
    nesterov: bool = True
    weight_decay: Annotated[float, Bounds(minimum=0)] = 5e-4

    def __post_init__(self) -> None:
        if self.nesterov and self.momentum <= 0:
            expected = "above 0 with optimiser.nesterov=true"
            raise ConfigError([Problem("optimiser.momentum", repr(self.momentum), expected)])

    def build(self, groups: Sequence[RatedParameters], prefix: str = "") -> nn.Optimizer:
        """The optimiser of some parameters.

        Args:
            groups: of parameters; those without any are passed over.
            prefix: of the names of all tensors the optimiser adds; it keeps two in one compiled function apart.
        """
        optimiser = nn.SGD(
            _as_mindspore(groups, self.weight_decay),
            learning_rate=groups[0][1].tolist(),
            momentum=float(self.momentum),
            nesterov=self.nesterov,
        )
        return _named(optimiser, prefix)


@dataclass(frozen=True)
class Adam:
    """Adam with coupled weight decay as in `torch.optim.Adam`.

    Args:
        weight_decay: added to the gradient, times the weight.
        beta1, beta2: share of the last steps in the moments of the gradient; below 1.
        eps: added to the root of the second moment.

    Raises:
        ConfigError: a beta of 1.
    """

    weight_decay: Annotated[float, Bounds(minimum=0)] = 0.0
    beta1: Annotated[float, Bounds(minimum=0, maximum=1)] = 0.9
    beta2: Annotated[float, Bounds(minimum=0, maximum=1)] = 0.999
    eps: Annotated[float, Bounds(above=0)] = 1e-8

    def __post_init__(self) -> None:
        problems = [
            Problem(f"optimiser.{name}", repr(beta), "a number below 1")
            for name, beta in (("beta1", self.beta1), ("beta2", self.beta2))
            if beta >= 1
        ]
        if problems:
            raise ConfigError(problems)

    def build(self, groups: Sequence[RatedParameters], prefix: str = "") -> nn.Optimizer:
        """The optimiser of some parameters; see `SGD.build`."""
        return self._build(groups, prefix, decoupled=False)

    def _build(self, groups: Sequence[RatedParameters], prefix: str, *, decoupled: bool) -> nn.Optimizer:
        optimiser = MomentAdam(
            _as_mindspore(groups, self.weight_decay),
            groups[0][1].tolist(),
            decoupled=decoupled,
            betas=(self.beta1, self.beta2),
            eps=self.eps,
        )
        return _named(optimiser, prefix)


@dataclass(frozen=True)
class AdamW(Adam):
    """Adam with decoupled weight decay as in `torch.optim.AdamW`.

    Args:
        weight_decay: times the learning rate, the share of itself that a weight loses in a step.
        beta1, beta2, eps: as of `Adam`.
    """

    weight_decay: Annotated[float, Bounds(minimum=0)] = 0.01

    def build(self, groups: Sequence[RatedParameters], prefix: str = "") -> nn.Optimizer:
        """The optimiser of some parameters; see `SGD.build`."""
        return self._build(groups, prefix, decoupled=True)


class MomentAdam(nn.Optimizer):
    """Adam by PyTorch's rule, from moments m and v of the gradient (Kingma and Ba 2015, Loshchilov and Hutter 2019).

    With s steps made, the weights move by -rate * (m / (1 - beta1^s)) / (sqrt(v / (1 - beta2^s)) + eps). MindSpore's
    operator leaves both corrections to its caller if it is given powers of 0, and then gets a rate and an eps that
    have them. Steps that a loss scale leaves out do not count for s, but do for the learning rate.

    Args:
        groups: as `nn.Optimizer` takes them.
        rates: learning rate of each step, for groups without one.
        decoupled: weights decay by themselves; otherwise their decay is part of the gradient.
        betas: share of the last steps in m and in v.
        eps: of the rule.
    """

    def __init__(
        self, groups: list[dict], rates: list[float], *, decoupled: bool, betas: tuple[float, float], eps: float
    ) -> None:
        super().__init__(rates, groups)
        self.decoupled = decoupled
        self.logarithms = tuple(math.log(np.float32(beta)) if beta else -math.inf for beta in betas)
        self.zero, self.beta1, self.beta2 = (Tensor(value, ms.float32) for value in (0.0, *betas))
        self.eps = eps
        self.moved = Parameter(Tensor([0.0], ms.float32), name="moved", requires_grad=False)
        self.moment1 = self.parameters.clone(prefix="moment1", init="zeros")
        self.moment2 = self.parameters.clone(prefix="moment2", init="zeros")
        self.adam = ops.Adam()

    def construct(self, gradients: tuple) -> bool:
        """Move the parameters by the gradients, which are in their order."""
        rates = self.get_lr()
        if not self.decoupled:
            gradients = self.decay_weight(gradients)
        self.assignadd(self.global_step, self.global_step_increase_tensor)
        moved = ops.assign_add(self.moved, 1.0)
        correction1 = -ops.expm1(moved * self.logarithms[0])
        correction2 = ops.sqrt(-ops.expm1(moved * self.logarithms[1]))
        for position in range(len(gradients)):
            parameter = self.parameters[position]
            if self.decoupled and self.decay_flags[position]:
                ops.assign(parameter, parameter * (1.0 - rates[position] * self.weight_decay[position]))
            self.adam(
                parameter,
                self.moment1[position],
                self.moment2[position],
                self.zero,
                self.zero,
                rates[position] * correction2 / correction1,
                self.beta1,
                self.beta2,
                self.eps * correction2,
                gradients[position],
            )
        return True


def _as_mindspore(groups: Sequence[RatedParameters], weight_decay: float) -> list[dict]:
    return [
        {"params": list(parameters), "lr": rates.tolist(), "weight_decay": weight_decay * decay}
        for parameters, rates, decay in groups
        if parameters
    ]


def _named(optimiser: nn.Optimizer, prefix: str) -> nn.Optimizer:
    trained = {id(parameter) for parameter in optimiser.parameters}
    for parameter in optimiser.get_parameters():
        if id(parameter) not in trained:
            parameter.name = prefix + parameter.name
    return optimiser
