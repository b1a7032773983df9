"""The step against PyTorch's update rule in NumPy, and its errors."""

from __future__ import annotations

from typing import ClassVar

import mindspore as ms
import numpy as np
import pytest
from mindspore import Parameter, Tensor, nn, ops
from mindspore.common.api import _pynative_executor

from star.engine.optimisers import SGD
from star.engine.step import Optimisers, TrainStep
from star.errors import NonFiniteLossError, PartError
from star.losses import WeightedLosses
from star.types import TrainBatch

RATES = np.array([0.1, 0.2, 0.05, 0.4], np.float32)
START = np.array([1.0, -2.0, 3.0], np.float32)


class Quadratic(nn.Cell):
    """Output x = weight * input, so that the gradient of 0.5 |x|^2 is known."""

    inputs = ("visible",)
    parts: ClassVar = {}

    def __init__(self) -> None:
        super().__init__()
        self.weight = Parameter(Tensor(START), name="weight")
        self.head = Parameter(Tensor(START * 2), name="head")

    def construct(self, visible: Tensor) -> dict:
        return {"clip_features": self.weight * visible[0], "frame_features": self.head * visible[0]}


class HalfSquare(nn.Cell):
    def __init__(self, key: str) -> None:
        super().__init__()
        self.reads = (key,)

    def construct(self, x: Tensor) -> Tensor:
        return 0.5 * ops.sum(ops.square(x))


class Rows(HalfSquare):
    def construct(self, x: Tensor) -> Tensor:
        return x * x


class Misfit(HalfSquare):
    def construct(self, x: Tensor) -> Tensor:
        return ops.sum(ops.matmul(x, ops.ones((7, 2))))


def batch_of(value: float) -> TrainBatch:
    x = np.full((1, 3), value, np.float32)
    return TrainBatch(x, x, x, x, np.zeros(1, np.int32))


DRAWS = [{}]


def make_step(*, graph: bool, clip_norm: float | None = None) -> tuple[Quadratic, TrainStep]:
    model = Quadratic()
    groups = [([model.weight], RATES, 1.0), ([model.head], RATES * 10, 1.0)]
    optimiser = SGD(momentum=0.9, nesterov=True, weight_decay=0.01).build(groups)
    losses = WeightedLosses(
        {"first": HalfSquare("clip_features"), "second": HalfSquare("frame_features")}, {"first": 1.0, "second": 0.5}
    )
    return model, TrainStep(model, losses, Optimisers(optimiser), graph=graph, clip_norm=clip_norm)


def torch_sgd(weight: np.ndarray, gradient_of, rates: np.ndarray) -> list[np.ndarray]:
    """torch.optim.SGD with momentum 0.9, Nesterov and weight decay 0.01, written out."""
    buffer, weights = None, []
    for rate in rates:
        gradient = gradient_of(weight) + 0.01 * weight
        buffer = gradient.copy() if buffer is None else 0.9 * buffer + gradient
        weight = weight - rate * (gradient + 0.9 * buffer)
        weights.append(weight)
    return weights


@pytest.mark.parametrize("graph", [False, True])
def test_updates_are_those_of_pytorch(graph: bool):
    model, step = make_step(graph=graph)
    expected = torch_sgd(START.astype(float), lambda w: w * 0.25, RATES)
    expected_head = torch_sgd(2.0 * START, lambda w: 0.5 * w * 0.25, RATES * 10)
    for index in range(len(RATES)):
        before = model.weight.asnumpy().copy()
        losses = step(batch_of(0.5), DRAWS, index)
        assert losses["first"] == pytest.approx(0.5 * np.sum((before * 0.5) ** 2), rel=1e-5)
        assert losses["total"] == pytest.approx(losses["first"] + 0.5 * losses["second"], rel=1e-5)
        np.testing.assert_allclose(model.weight.asnumpy(), expected[index], rtol=1e-5)
        np.testing.assert_allclose(model.head.asnumpy(), expected_head[index], rtol=1e-4)


@pytest.mark.parametrize("graph", [False, True])
def test_clipping_limits_the_global_norm(graph: bool):
    model, step = make_step(graph=graph, clip_norm=0.5)
    gradients = np.concatenate([START * 0.25, 0.5 * 2 * START * 0.25])
    factor = 0.5 / np.linalg.norm(gradients)
    assert factor < 1
    step(batch_of(0.5), DRAWS, 0)
    expected = torch_sgd(START.astype(float), lambda w: w * 0.25 * factor, RATES[:1])[0]
    np.testing.assert_allclose(model.weight.asnumpy(), expected, rtol=1e-5)


def test_a_term_that_is_not_finite_is_named():
    model, step = make_step(graph=True)
    model.head.set_data(ms.Tensor(np.array([1, np.nan, 1], np.float32)))
    with pytest.raises(NonFiniteLossError, match=r"step 7: loss term second, total is not finite .*first=") as error:
        step(batch_of(1.0), DRAWS, 7)
    assert "schedule.learning_rate" in str(error.value)


@pytest.mark.parametrize("graph", [True, False])
@pytest.mark.parametrize(
    ("term", "message"),
    [
        (Rows, "^loss.wrong: its construct does not return one number$"),
        (Misfit, r"^loss\.wrong failed in .*test_step\.py, line \d+: RuntimeError: For 'MatMulExt' op, .* 3 and 7\.$"),
    ],
)
def test_a_term_that_does_not_fit_is_named(graph: bool, term: type[HalfSquare], message: str):
    model = Quadratic()
    optimiser = SGD().build([([model.weight], RATES, 1.0)])
    losses = WeightedLosses(
        {"right": HalfSquare("clip_features"), "wrong": term("clip_features")}, dict.fromkeys(("right", "wrong"), 1.0)
    )
    with pytest.raises(PartError, match=message):
        TrainStep(model, losses, Optimisers(optimiser), graph=graph, clip_norm=None)(batch_of(1.0), DRAWS, 0)
    assert not _pynative_executor.requires_grad(), "MindSpore records gradients of whatever comes next"
