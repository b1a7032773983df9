"""Loss terms that count from an epoch, and optimisers that step before the main one, in both modes."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from support.commands import SMALL

from star.config.check import check_overrides
from star.engine.build_data import load_data, train_loader
from star.engine.build_network import build_losses, build_model, build_step, draws_of_step, learning_rates_of
from star.engine.phases import first_epochs
from star.engine.step import TrainStep
from star.engine.train_state import NetworkState

MODES = ["pynative", pytest.param("graph", marks=pytest.mark.slow)]
CENTRE = "loss.centre={_target_:support.adversary.Centre,weight:1.0,from_epoch:1}"
ADVERSARY = (
    "branch.adversary={_target_:support.adversary.ModalityClassifier}",
    "loss.modality={_target_:support.adversary.Modality,weight:1.0}",
    "loss.confusion={_target_:support.adversary.Confusion,weight:1.0}",
)
FURTHER = (
    "optimiser.further.adversary={_target_:star.engine.optimisers.SGD,weight_decay:0.01,learning_rate:0.1,"
    "parameters:'^adversary[.]',terms:[modality]}"
)


class Steps(NamedTuple):
    step: TrainStep
    state: NetworkState
    batches: list[tuple]


def steps_of(root: Path, mode: str, *overrides: str) -> Steps:
    """What trains two epochs of two batches."""
    small = (*SMALL, "dataset=hitsz_vcm", f"dataset.root={root}", "schedule.warmup_epochs=0", "schedule.milestones=[1]")
    config = check_overrides(["experiment=baseline", *small, f"hardware.mode={mode}", *overrides])
    data = load_data(config)
    model = build_model(config, identities=len(data.train.identities))
    losses = build_losses(config, model)
    rates = learning_rates_of(config, model, losses, 2)
    step, state = build_step(config, model, list(rates.values()), losses=losses)
    draw, loader = draws_of_step(config, model), train_loader(config, data)
    batches = [(batch, draw(2 * e + i), 2 * e + i, e) for e in range(2) for i, batch in enumerate(loader.epoch(e))]
    return Steps(step, state, batches)


def run(steps: Steps, first: int = 0) -> list[dict[str, float]]:
    return [steps.step(*arguments) for arguments in steps.batches[first:]]


@pytest.mark.parametrize("mode", MODES)
def test_a_term_counts_from_its_epoch_and_so_do_its_parameters(tiny_root: Path, mode: str):
    steps = steps_of(tiny_root, mode, CENTRE)
    found = [steps.step(*steps.batches[place]) for place in range(2)]
    assert not any("centre" in losses for losses in found)
    state = steps.state.tensors()
    np.testing.assert_array_equal(state["loss.centre.centre"], 1.0)
    assert state["optimiser.global_step"] == 2 and state["optimiser.from_epoch_1.global_step"] == 0
    last = run(steps, 2)
    assert all(losses["centre"] > 0 and losses["total"] > losses["identity"] for losses in last)
    assert (steps.state.tensors()["loss.centre.centre"] != 1.0).all()


def test_a_later_parameter_has_the_rates_of_its_steps(tiny_root: Path):
    """The rate falls to a tenth at the milestone, epoch 1, in which the term begins."""
    steps = steps_of(tiny_root, "pynative", CENTRE, "schedule.clip_norm=null", "optimiser.weight_decay=0")
    run(steps)
    moved = np.abs(steps.state.tensors()["loss.centre.centre"] - 1).max()
    early = steps_of(tiny_root, "pynative", CENTRE.replace(",from_epoch:1", ""), "schedule.clip_norm=null",
                     "optimiser.weight_decay=0")  # fmt: skip
    run(early)
    assert 0 < moved < 0.3 * np.abs(early.state.tensors()["loss.centre.centre"] - 1).max()


def test_what_only_later_terms_reach_begins_with_them(tiny_root: Path):
    config = check_overrides(
        ["experiment=star", *SMALL, "dataset=synthetic", "loss.joints_bones.from_epoch=3", "loss.identity.from_epoch=5"]
    )
    model = build_model(config, identities=4)
    found = first_epochs(model, build_losses(config, model))
    assert {name.partition(".")[0] for name, epoch in found.items() if epoch == 5} == {"clip_neck"}
    assert set(found.values()) == {5}, "the skeleton branches reach the triplet loss from the start"


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("overrides", [(CENTRE,), (*ADVERSARY, FURTHER)], ids=["from_epoch", "further"])
def test_restored_steps_repeat_bit_for_bit(tiny_root: Path, mode: str, overrides: tuple[str, ...]):
    steps = steps_of(tiny_root, mode, *overrides)
    run(steps._replace(batches=steps.batches[:1]))
    before = steps.state.tensors()
    expected = [*run(steps, 1)]
    after = steps.state.tensors()
    again = steps_of(tiny_root, mode, *overrides)
    again.state.restore(before)
    assert run(again, 1) == expected
    for name, tensor in again.state.tensors().items():
        np.testing.assert_array_equal(tensor, after[name], err_msg=name)


def test_both_modes_train_the_adversary_alike(tiny_root: Path):
    """One step: of networks this small, every further one magnifies the rounding of the one before."""
    eager, graph = (steps_of(tiny_root, mode, *ADVERSARY, FURTHER) for mode in ("pynative", "graph"))
    one, other = (steps.step(*steps.batches[0]) for steps in (eager, graph))
    assert one.keys() == {*("identity", "triplet", "frame_identity", "disturbed_identity", "defence"), "modality",
                          "confusion", "total"}  # fmt: skip
    assert one == pytest.approx(other, rel=1e-4)
    compiled = graph.state.tensors()
    for name, tensor in eager.state.tensors().items():
        largest = float(np.abs(tensor).max())
        np.testing.assert_allclose(compiled[name], tensor, rtol=0, atol=1e-4 * largest + 1e-7, err_msg=name)


def test_the_adversary_steps_first_and_alone_on_its_term(tiny_root: Path):
    """Its step is that of SGD on its own term; confusion, weighted up, changes nothing in it but the network."""
    plain, confused = (
        steps_of(tiny_root, "pynative", *ADVERSARY, FURTHER, f"loss.confusion.weight={weight}") for weight in (0.0, 9.0)
    )
    start = plain.state.tensors()
    values = [steps.step(*steps.batches[0]) for steps in (plain, confused)]
    one, two = plain.state.tensors(), confused.state.tensors()
    own = [name for name in start if name.startswith("model.adversary.") and not name.endswith(("mean", "variance"))]
    assert len(own) == 6
    for name in own:
        np.testing.assert_array_equal(one[name], two[name])
        assert name.endswith("hidden.bias") or (one[name] != start[name]).any(), name
    assert (one["model.backbone.stage4.0.conv1.weight"] != two["model.backbone.stage4.0.conv1.weight"]).any()
    assert values[0]["modality"] == values[1]["modality"]
    assert values[0]["total"] == pytest.approx(sum(v for k, v in values[0].items() if k not in
                                                   ("total", "modality", "confusion")), rel=1e-5)  # fmt: skip
    assert one["model.adversary.norm.moving_mean"].any(), "both losses have passed it"


def test_the_main_optimiser_leaves_the_adversary_alone(tiny_root: Path):
    config = check_overrides(["experiment=baseline", *SMALL, "dataset=synthetic", *ADVERSARY, FURTHER])
    model = build_model(config, identities=4)
    step, _ = build_step(config, model, [np.ones(4, np.float32)] * 2)
    main, further = step.optimisers
    assert all(p.name.startswith("adversary.") for p in further.parameters) and len(further.parameters) == 6
    assert not any(p.name.startswith("adversary.") for p in main.parameters)
