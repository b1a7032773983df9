"""What Ascend's LSTM changes: MindSpore gives it inputs, weights and states in float16 at every level.

A twin of it runs here step by step, with everything between its operators rounded to float16.
"""

from __future__ import annotations

import mindspore as ms
import numpy as np
import pytest
from mindspore import Tensor, nn, ops

from star.models.bones_branch import BonesBranch

CHANNELS, FRAMES = 64, 12


class HalfLSTM(nn.Cell):
    """The two directions of an `nn.LSTM` in float16, as `DynamicRNN` is given them."""

    def __init__(self, lstm: nn.LSTM) -> None:
        super().__init__(auto_prefix=False)
        self.weights = [
            tuple(getattr(lstm, name)[place] for name in ("w_ih_list", "w_hh_list", "b_ih_list", "b_hh_list"))
            for place in range(2)
        ]

    def construct(self, x: Tensor) -> tuple[Tensor, None]:
        """[b t c] float32 -> [b t 2h] float32."""
        x = ops.cast(x, ms.float16)
        forth = self.direction(x, self.weights[0])
        back = ops.flip(self.direction(ops.flip(x, (1,)), self.weights[1]), (1,))
        return ops.cast(ops.cat((forth, back), 2), ms.float32), None

    def direction(self, x: Tensor, weights: tuple) -> Tensor:
        w_ih, w_hh, b_ih, b_hh = (ops.cast(weight, ms.float16) for weight in weights)
        hidden = cell = ops.zeros((x.shape[0], w_hh.shape[1]), ms.float16)
        outputs = []
        for t in range(x.shape[1]):
            gates = ops.matmul(x[:, t], w_ih.T) + ops.matmul(hidden, w_hh.T) + (b_ih + b_hh)
            enter, forget, new, leave = ops.split(gates, w_hh.shape[1], 1)
            cell = ops.sigmoid(forget) * cell + ops.sigmoid(enter) * ops.tanh(new)
            hidden = ops.sigmoid(leave) * ops.tanh(cell)
            outputs.append(hidden)
        return ops.stack(outputs, 1)


def relative(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.linalg.norm(a - b) / np.linalg.norm(b))


@pytest.mark.parametrize(
    "size, of_features, of_gradients",
    [pytest.param(1.0, 1e-3, 3e-3, id="of the frame"), pytest.param(288.0, 5e-3, 5e-2, id="in pixels")],
)
def test_features_and_gradients_stay_near(size: float, of_features: float, of_gradients: float):
    ms.set_seed(0)
    branch = BonesBranch(CHANNELS)
    joints = Tensor((np.random.default_rng(0).random((8, FRAMES, 17, 3)) * size).astype(np.float32))
    target = Tensor(np.random.default_rng(1).standard_normal((8, FRAMES, CHANNELS)).astype(np.float32))
    own, half = branch.lstm, HalfLSTM(branch.lstm)
    features, gradients = [], []
    for lstm in (own, half):
        branch.lstm = lstm
        backward = ms.grad(lambda j: ((branch(j) - target) ** 2).mean(), None, branch.linear.trainable_params())
        features.append(branch(joints).asnumpy())
        gradients.append(np.concatenate([g.asnumpy().ravel() for g in backward(joints)]))
    differences = relative(features[1], features[0]), relative(gradients[1], gradients[0])
    assert max(differences) > 1e-6, "float16 was not at work"
    print(f"features {differences[0]:.1e}, gradients {differences[1]:.1e}")
    assert differences[0] < of_features and differences[1] < of_gradients
