"""Every shipped experiment trains: PyNative here, graph mode against it among the slow tests."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from support.commands import SMALL

from star.config.check import check_overrides
from star.config.compose import group_choices
from star.engine.build_data import load_data, train_loader
from star.engine.build_network import build_losses, build_model, draws_of_step
from star.engine.state import NetworkState
from star.engine.step import TrainStep, sgd

EXPERIMENTS = group_choices()["experiment"]
FROZEN = {"model.frame_neck.norm.beta", "model.clip_neck.norm.beta"}
UNUSED = {"sequence_only": {"model.skeleton.bones.lstm.weight_hh_l0_reverse"}}
"""Of S only the last frame is used there, the first step of the reverse direction, which has nothing to remember."""


class Trained(NamedTuple):
    losses: list[dict[str, float]]
    before: dict[str, np.ndarray]
    after: dict[str, np.ndarray]


def train(experiment: str, mode: str, root: Path, steps: int) -> Trained:
    overrides = [f"experiment={experiment}", *SMALL, "dataset=hitsz_vcm", f"dataset.root={root}"]
    config = check_overrides([*overrides, f"hardware.mode={mode}", f"schedule.batches_per_epoch={steps}"])
    data = load_data(config)
    model = build_model(config, identities=len(data.train.identities))
    rates = np.full(steps, 0.01, np.float32)
    optimiser = sgd([(group, rates) for group in model.parameter_groups()], momentum=0.9, nesterov=True, weight_decay=0)
    step = TrainStep(model, build_losses(config), optimiser, graph=mode == "graph", clip_norm=None)
    draw = draws_of_step(config)
    before = NetworkState(model).tensors()
    losses = [step(batch, draw(i), i) for i, batch in enumerate(train_loader(config, data).epoch(0))]
    return Trained(losses, before, NetworkState(model).tensors())


@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_every_experiment_trains_all_its_weights(experiment: str, tiny_root: Path):
    trained = train(experiment, "pynative", tiny_root, 2)
    assert all(np.isfinite(list(step.values())).all() for step in trained.losses)
    still = {name for name, tensor in trained.after.items() if np.array_equal(tensor, trained.before[name])}
    assert still == FROZEN | UNUSED.get(experiment, set())


@pytest.mark.slow
@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_graph_mode_gives_the_numbers_of_pynative(experiment: str, tiny_root: Path):
    """One step: of networks this small, every further one magnifies the rounding of the one before."""
    eager, graph = train(experiment, "pynative", tiny_root, 1), train(experiment, "graph", tiny_root, 1)
    for one, other in zip(eager.losses, graph.losses, strict=True):
        assert one == pytest.approx(other, rel=1e-4, abs=1e-6)
    for name, tensor in eager.after.items():
        largest = float(np.abs(tensor).max())
        np.testing.assert_allclose(tensor, graph.after[name], rtol=0, atol=1e-4 * largest + 1e-7, err_msg=name)
