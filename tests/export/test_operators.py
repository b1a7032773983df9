"""MindSpore's operators one by one in ONNX, for two numbers of clips, and what is refused."""

from __future__ import annotations

from collections.abc import Callable

import mindspore as ms
import numpy as np
import onnxruntime
import pytest
from mindspore import Tensor, nn, ops

from star.export.errors import ExportError
from star.export.mindir import trace
from star.export.onnx_model import onnx_model, unknown_operators


class Cell(nn.Cell):
    """What a function of x [b 4 6 8] computes."""

    def __init__(self, function: Callable, part: nn.Cell | None = None):
        super().__init__()
        self.function = function
        self.part = part

    def construct(self, x: Tensor) -> Tensor:
        return self.function(x) if self.part is None else self.function(self.part, x)


def numbers(x: Tensor) -> Tensor:
    y = ops.abs(x) + 0.5
    y = ops.exp(-y) + ops.log(y) + ops.rsqrt(y) + ops.reciprocal(y) + ops.square(x) + ops.tanh(x) + ops.erf(x)
    y = y + ops.sin(x) + ops.cos(x) + ops.floor(x) + ops.ceil(x) + ops.sign(x) + ops.sigmoid(x) - ops.relu(x) / 3
    return y + ops.pow(ops.maximum(x, 0.1), 1.5) + ops.minimum(x, 2.0) + 2 * ops.neg(x) + (1 - x)


def angles(x: Tensor) -> Tensor:
    rounded = ops.floor(x)  # with zeros on both axes
    return ops.atan2(rounded, rounded[:, ::-1])


def choices(x: Tensor) -> Tensor:
    both = ops.logical_and(x > 0, x <= 1)
    either = ops.logical_or(ops.logical_not(x < 1), ops.logical_or(x >= 2, x == 0))
    return ops.select(both, x, x * 2) + ops.cast(either, ms.float32)


def sums(x: Tensor) -> Tensor:
    y = (
        ops.mean(x, (2, 3))
        + ops.sum(x, (2, 3))
        + ops.amax(x, (2, 3))
        + ops.amin(x, (2, 3))
        + ops.prod(x[:, :, 0, 0:2], 2)
    )
    return y + ops.mean(x) + ops.sum(x, 1, True)[:, :, 0, 0]


def shapes(x: Tensor) -> Tensor:
    b = x.shape[0]
    y = ops.reshape(x, (b * 4, 48))
    y = ops.reshape(ops.transpose(y, (1, 0)), (48, b, 4))
    y = ops.transpose(y, (1, 2, 0))
    y = ops.concat((y, ops.zeros((b, 4, 1), ms.float32), ops.broadcast_to(y[:, :1, :1], (b, 4, 1))), 2)
    return ops.stack((y, ops.flip(y, (2,))), 1)


def parts(x: Tensor) -> Tensor:
    first, second = ops.split(x, 3, 2)
    y = ops.tile(first[:, -1:, :, 2:7:2], (1, 2, 1, 1))
    return ops.cat((y, ops.gather(second, Tensor([1, 0, 0]), 3)[:, :2]), 1)[..., 1]


def products(x: Tensor) -> Tensor:
    square = ops.matmul(x, ops.transpose(x, (0, 1, 3, 2)))
    return ops.softmax(ops.bmm(square, x), -1) + ops.elu(x)


FUNCTIONS = (numbers, angles, choices, sums, shapes, parts, products)
PARTS = {
    "dense": nn.Dense(8, 3),
    "convolution": nn.Conv2d(4, 6, 3, stride=2, pad_mode="pad", padding=(0, 1, 2, 1), has_bias=True, group=2),
    "same": nn.Conv2d(4, 6, 3, stride=2, pad_mode="same"),
    "dilated": nn.Conv2d(4, 6, 3, pad_mode="valid", dilation=2),
    "batch norm": nn.BatchNorm2d(4, moving_mean_init="uniform", gamma_init="uniform"),
    "layer norm": nn.LayerNorm((6, 8), begin_norm_axis=2, begin_params_axis=2, gamma_init="uniform"),
    "largest": nn.MaxPool2d(3, 2, pad_mode="pad", padding=1),
    "largest, same": nn.MaxPool2d(3, 2, pad_mode="same"),
    "mean": nn.AvgPool2d(2, 2),
    "mean, same": nn.AvgPool2d(3, 2, pad_mode="same"),
}


def same_in_onnx(cell: nn.Cell) -> None:
    cell.set_train(False)

    def inputs(clips: int) -> tuple[np.ndarray, ...]:
        return (np.random.default_rng(clips).normal(size=(clips, 4, 6, 8)).astype(np.float32),)

    graph = trace(cell, inputs)
    session = onnxruntime.InferenceSession(onnx_model(graph, graph).SerializeToString())
    for clips in (1, 3):
        (x,) = inputs(clips)
        (found,) = session.run(None, {session.get_inputs()[0].name: x})
        np.testing.assert_allclose(found, cell(Tensor(x)).asnumpy(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda function: function.__name__)
def test_a_function(function: Callable):
    same_in_onnx(Cell(function))


def apply(part: nn.Cell, x: Tensor) -> Tensor:
    return part(x)


def outputs(part: nn.Cell, x: Tensor) -> Tensor:
    return part(x[:, 0])[0]


@pytest.mark.parametrize("name", PARTS)
def test_a_part(name: str):
    same_in_onnx(Cell(apply, PARTS[name]))


@pytest.mark.parametrize("layers", [1, 2])
def test_a_recurrent_network(layers: int):
    same_in_onnx(Cell(outputs, nn.LSTM(8, 5, num_layers=layers, bidirectional=layers == 1, batch_first=True)))


def trace_of(function: Callable):
    return trace(Cell(function), lambda clips: (np.zeros((clips, 4, 6, 8), np.float32),))


def test_an_unknown_operator_is_refused_by_name_and_place():
    graph = trace_of(ops.lgamma)
    assert unknown_operators(graph) == ["Lgamma in the network"]
    with pytest.raises(
        ExportError, match="no translation for Lgamma in the network; build the part of other operators"
    ):
        onnx_model(graph, graph)


def test_weights_that_fit_into_no_onnx_file_are_refused():
    graph = trace_of(ops.relu)
    large = graph._replace(parameters={"weight": np.broadcast_to(np.float32(1), (2**30,))})
    with pytest.raises(ExportError, match=r"4\.3 GB of weights, expected at most 2\.1 GB"):
        onnx_model(graph, large)


def branching(x: Tensor) -> Tensor:
    if ops.sum(x) > 0:
        return x
    return x * 2


def squared(x: Tensor) -> Tensor:
    return x * (x.shape[0] ** 2)


@pytest.mark.parametrize(
    ("function", "message"),
    [(branching, "branches or loops that depend on tensors"), (squared, "depends on the number of clips|every clip")],
)
def test_what_is_not_one_graph_for_any_clips_is_refused(function: Callable, message: str):
    with pytest.raises(ExportError, match=message):
        trace_of(function)
