"""The tensors a training step changes: weights, running statistics, momenta, step counter, loss scale."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

import mindspore as ms
import numpy as np
from mindspore import Parameter, nn

from star.engine.loss_scale import LossScale
from star.errors import CheckpointError, NonFiniteLossError


class NetworkState:
    """Named tensors of a network and of what trains it.

    Args:
        model: its parameters are named `model.<name>`.
        optimisers: their own parameters are named `optimiser.<name>`; none for evaluation.
        loss_scale: its parameters are named `loss_scale.<name>`; None without one.
        losses: their parameters keep their names, `loss.<term>.<name>`; None for evaluation.
    """

    def __init__(
        self,
        model: nn.Cell,
        optimisers: Sequence[nn.Optimizer] = (),
        loss_scale: LossScale | None = None,
        losses: nn.Cell | None = None,
    ) -> None:
        self._parameters: dict[str, Parameter] = {}
        owners = (
            ("model.", model),
            ("", losses),
            *(("optimiser.", o) for o in optimisers),
            ("loss_scale.", loss_scale),
        )
        for owner, cell in owners:
            known = {id(parameter) for parameter in self._parameters.values()}
            own = [] if cell is None else [p for p in cell.get_parameters() if id(p) not in known]
            self._parameters |= {f"{owner}{parameter.name}": parameter for parameter in own}

    def tensors(self) -> dict[str, np.ndarray]:
        """Copies of all tensors by name."""
        return {name: parameter.asnumpy().copy() for name, parameter in self._parameters.items()}

    def checksum(self) -> str:
        """Of names and bytes of all tensors."""
        digest = hashlib.sha256()
        for name, parameter in self._parameters.items():
            digest.update(name.encode() + b"\0" + parameter.asnumpy().tobytes())
        return digest.hexdigest()[:16]

    def restore(self, tensors: dict[str, np.ndarray]) -> None:
        """Set all tensors; names without an owner here (a training state read for evaluation) must be the optimiser's.

        Raises:
            CheckpointError: a tensor is missing, left over or of another shape.
        """
        missing = sorted(self._parameters.keys() - tensors.keys())
        left = sorted(name for name in tensors.keys() - self._parameters.keys() if name.startswith("model."))
        if missing or left:
            lines = f"missing {missing[:5] or 'nothing'}, left over {left[:5] or 'nothing'}"
            raise CheckpointError(f"the checkpoint is of another network: {lines}")
        for name, parameter in self._parameters.items():
            tensor = tensors[name]
            if tuple(tensor.shape) != tuple(parameter.shape):
                raise CheckpointError(f"{name}: the checkpoint has shape {tensor.shape}, the network {parameter.shape}")
            parameter.set_data(ms.Tensor(tensor))


def require_finite(tensors: Mapping[str, np.ndarray], step: int) -> None:
    """Refuse weights that a gradient has spoilt: behind a ReLU, which makes 0 of NaN, losses stay finite.

    Args:
        tensors: by name, as `NetworkState` gives them.
        step: that was trained last, for messages.

    Raises:
        NonFiniteLossError: names the first weights that are NaN or infinite.
    """
    weights = {name: value for name, value in tensors.items() if name.startswith(("model.", "loss."))}
    bad = [name for name, value in weights.items() if not np.isfinite(value).all()]
    if bad:
        raise NonFiniteLossError(
            f"{len(bad)} of {len(weights)} weights are not finite after step {step} ({', '.join(bad[:3])}), though the "
            "losses are: a gradient was NaN or infinite, of a square root or a division at 0, for example; the "
            "checkpoints before this step are kept"
        )
