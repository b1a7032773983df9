"""Every method, alone and guided by skeletons, builds and trains; that it compiles to the same numbers is slow."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.commands import SMALL, smallest
from support.methods import EXTRA, GUIDED, METHODS

from star.config.check import check_overrides
from star.config.compose import group_choices
from star.engine.build_data import load_data, train_loader
from star.engine.build_network import build_model, build_step, draws_of_step
from star.engine.build_step import build_losses, learning_rates_of
from star.models.network import Network
from star.models.pooling import GuidedPooling

STEPS = 2


def losses(method: str, mode: str, root: Path, guidance: str) -> list[dict[str, float]]:
    size = smallest(*EXTRA[method], f"schedule.batches_per_epoch={STEPS}", f"hardware.mode={mode}")
    size.append(f"skeleton_graph={guidance}")
    config = check_overrides([f"method={method}", *size, "dataset=hitsz_vcm", f"dataset.root={root}"])
    data = load_data(config)
    model = build_model(config, identities=len(data.train.identities))
    groups = learning_rates_of(config, model, build_losses(config, model), STEPS)
    step = build_step(config, model, [np.full_like(rates, 1e-3) for rates in groups.values()])[0]
    draw = draws_of_step(config, model)
    return [step(batch, draw(i), i) for i, batch in enumerate(train_loader(config, data).epoch(0))]


@pytest.mark.parametrize("method", sorted(METHODS))
def test_every_method_trains(method: str, tiny_root: Path):
    found = losses(method, "pynative", tiny_root, "none")
    assert len(found) == STEPS and all(np.isfinite(list(step.values())).all() for step in found)
    assert found[0] != found[1]


@pytest.mark.slow
@pytest.mark.parametrize(("method", "guidance"), [*((method, "none") for method in sorted(METHODS)), *GUIDED])
def test_graph_mode_gives_the_numbers_of_pynative(method: str, guidance: str, tiny_root: Path):
    eager, graph = (losses(method, mode, tiny_root, guidance) for mode in ("pynative", "graph"))
    assert len(eager) == STEPS
    for one, other in zip(eager, graph, strict=True):
        assert np.isfinite(list(one.values())).all()
        assert one == pytest.approx(other, rel=1e-3, abs=1e-5)


@pytest.mark.parametrize(("method", "guidance"), GUIDED)
def test_every_method_can_be_guided(method: str, guidance: str):
    """Frame guidance gives the frames anew; guided pooling is where the method had its last mean over the frames."""
    size = smallest(*EXTRA[method], "dataset=synthetic", f"skeleton_graph={guidance}")
    model = build_model(check_overrides([f"method={method}", *size]), identities=4, initial_values=False)
    wires = {wire.name: wire for wire in model.wires}
    assert model.reads_joints
    assert ("frame_guidance" in wires) == (guidance in ("frame", "full"))
    pooling = wires["pooling"]
    guided = getattr(pooling.cell, "pooling", pooling.cell)
    assert isinstance(guided, GuidedPooling) == ("descriptor" in pooling.reads) == (guidance in ("sequence", "full"))


def test_methods_are_experiments():
    assert set(group_choices()["experiment"]) >= METHODS
    for method in METHODS:
        assert check_overrides([f"method={method}", "dataset=synthetic"]) == check_overrides(
            [f"experiment={method}", "dataset=synthetic"]
        )


def first_step(method: str, root: Path, *more: str, **changes: Any) -> tuple[Network, dict[str, float]]:
    """A network and the losses of its first step, on a batch in which some arrays are replaced."""
    size = (*SMALL, *EXTRA[method], "dataset=hitsz_vcm", f"dataset.root={root}", "hardware.mode=pynative", *more)
    config = check_overrides([f"method={method}", *size])
    data = load_data(config)
    model = build_model(config, identities=len(data.train.identities))
    step = build_step(config, model, [np.full(4, 1e-3, np.float32)] * 2)[0]
    batch = next(train_loader(config, data).epoch(0))
    return model, step(batch._replace(**changes), draws_of_step(config, model)(0), 0)


@pytest.mark.parametrize("method", [pytest.param("iban", marks=pytest.mark.slow), "mitml"])
def test_gates_for_any_number_of_frames(method: str, tiny_root: Path):
    """The releases write six positions out."""
    model, values = first_step(method, tiny_root, "dataset.frames=5")
    assert len(model.parts["pooling"].gates) == 5
    assert np.isfinite(list(values.values())).all()


def test_a_batch_of_one_modality_trains_m3reid_without_alignment(tiny_root: Path):
    """The release raises."""
    _, values = first_step("m3reid", tiny_root, modality=np.ones(4, np.int32))
    assert values["alignment"] == values["frame_alignment"] == 0.0
    assert np.isfinite(list(values.values())).all() and values["identity"] > 0
