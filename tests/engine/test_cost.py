"""Parameters are those of the methods' authors; operations are those that layers and products make."""

from __future__ import annotations

import re

import numpy as np
import pytest
from mindspore import Tensor, nn, ops
from support.commands import SMALL, Command

from star.config.check import check_overrides
from star.engine.build_network import build_model
from star.engine.build_step import build_losses
from star.engine.cost import cost_of, count_parameters
from star.engine.operations import counted_operations

PAPER = ("size=paper", "dataset=synthetic", "dataset.height=288", "dataset.width=144", "dataset.frames=6")


def parameters(*overrides: str) -> tuple[int, int, int]:
    config = check_overrides([*PAPER, *overrides])
    model = build_model(config, identities=500, initial_values=False)
    return count_parameters(model, build_losses(config, model))


@pytest.mark.parametrize(
    ("method", "millions", "training_only"),
    [("m3reid", 39.52, 6.14), ("mitml", 135.0 + 2.8, 2.8)],
)
def test_parameters_are_those_of_the_authors_networks(method: str, millions: float, training_only: float):
    """At 500 identities; of M3-ReID's classifiers the one of frames stands alone, of MITML the adversary."""
    everything, _, apart = parameters(f"method={method}")
    assert everything / 1e6 == pytest.approx(millions, abs=0.05)
    assert apart / 1e6 == pytest.approx(training_only, abs=0.05)


def test_what_methods_add_to_the_baseline():
    baseline, saadg = parameters("method=baseline"), parameters("method=saadg")
    added = 2 * (2048 * 2048 + 2048 + 2 * 2048 + 2048 * 500)
    assert saadg[0] - baseline[0] == saadg[2] - baseline[2] == added == pytest.approx(10.45e6, abs=1e4)
    blocks = parameters("method=agw")[0] - parameters("method=agw", "backbone.non_local_blocks=[0,0,0,0]")[0]
    assert blocks == 28_687


class Everything(nn.Cell):
    """One of each layer and product that is counted."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(4, 6, 3, stride=2, pad_mode="pad", padding=1, group=2)
        self.linear = nn.Dense(6, 5)
        self.lstm = nn.LSTM(5, 3, num_layers=2, bidirectional=True, batch_first=True)

    def construct(self, x: Tensor) -> Tensor:
        maps = self.convolution(x)
        rows = ops.transpose(ops.reshape(maps, (2, 6, 16)), (0, 2, 1))
        states, _ = self.lstm(self.linear(rows))
        return ops.matmul(ops.bmm(states, ops.transpose(states, (0, 2, 1))), states)


def test_layers_and_products_are_counted():
    network = Everything()
    with counted_operations(network) as operations:
        network(Tensor(np.ones((2, 4, 8, 8), np.float32)))
    convolution, linear = 2 * 6 * 16 * (2 * 9), 2 * 16 * 6 * 5
    lstm = 2 * 16 * 2 * 4 * 3 * ((5 + 3) + (6 + 3))
    products = 2 * 16 * 16 * 6 + 2 * 16 * 6 * 16
    assert operations.total == convolution + linear + lstm + products
    network(Tensor(np.ones((2, 4, 8, 8), np.float32)))
    assert operations.total == convolution + linear + lstm + products, "nothing is counted any more"


def test_a_residual_network_has_the_operations_known_of_it():
    """4.09 G at 224 x 224 with its classifier of 1,000 classes, as torchvision lists it."""
    square = ("dataset.height=224", "dataset.width=224", "dataset.frames=1", "backbone.last_stride=2")
    cost = cost_of(check_overrides(["method=baseline", *PAPER, *square]), identities=4, steps=0)
    assert (cost.operations + 2048 * 1000) / 1e9 == pytest.approx(4.09, abs=0.005)
    assert cost.width == 2048 and cost.measured is None


def test_the_table_has_a_line_a_configuration(command: Command):
    small = (*SMALL, "dataset=synthetic", "hardware.mode=pynative")
    answer = command("check", *small, "method=baseline,saadg", "--cost", "--steps", "1")
    assert answer.returncode == 0, answer.stdout
    lines = [re.split(r"\s*\|\s*", line.strip("| ")) for line in answer.stdout.splitlines() if line.startswith("| ")]
    assert [line[0] for line in lines[1:]] == ["baseline"] and lines[0][-2:] == ["embedding a clip", "peak memory"]
    assert "saadg is refused: " in answer.stdout
