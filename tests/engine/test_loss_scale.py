"""Steps whose gradients overflow are left out, whole; the others are those without a scale."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from support.commands import SMALL

from star.config.check import check_overrides
from star.engine.build_data import load_data, train_loader
from star.engine.build_network import build_model, build_step, draws_of_step
from star.engine.step import TrainStep
from star.engine.train_state import NetworkState
from star.errors import NonFiniteLossError
from star.models.random_inputs import Arrays
from star.types import AnyBatch

RATES = [np.linspace(0.01, 0.04, 4, dtype=np.float32)] * 2


class Steps(NamedTuple):
    step: TrainStep
    state: NetworkState
    batches: list[tuple[AnyBatch, list[Arrays], int]]


def steps_of(root: Path, *overrides: str) -> Steps:
    small = (*SMALL, "schedule.batches_per_epoch=4", "dataset=hitsz_vcm", f"dataset.root={root}")
    config = check_overrides(["experiment=baseline", *small, *overrides])
    data = load_data(config)
    model = build_model(config, identities=len(data.train.identities))
    draw = draws_of_step(config, model)
    batches = [(batch, draw(index), index) for index, batch in enumerate(train_loader(config, data).epoch(0))]
    step, state = build_step(config, model, RATES)
    return Steps(step, state, batches)


@pytest.mark.parametrize("mode", ["pynative", "graph"])
def test_overflowing_steps_change_nothing_but_the_scale(tiny_root: Path, mode: str, caplog: pytest.LogCaptureFixture):
    """The largest float32 powers of two overflow float16 whatever the gradient; halved often enough they do not."""
    caplog.set_level("INFO")
    half = ("hardware.precision=O2", "hardware.loss_scale=1e30", f"hardware.mode={mode}")
    step, state, batches = steps_of(tiny_root, *half)
    before = state.tensors()
    losses = step(*batches[0])
    assert np.isfinite(list(losses.values())).all()
    after = state.tensors()
    changed = {name for name in after if not np.array_equal(after[name], before[name])}
    moved = {name for name in changed if not name.endswith(("moving_mean", "moving_variance"))}
    assert moved == {"loss_scale.scale_value", "loss_scale.skipped", "optimiser.global_step"}
    assert step.points() == {"precision/loss_scale": pytest.approx(5e29), "precision/skipped_steps": 1}
    assert "step 0 is left out: its gradients overflowed; the loss scale is now 5e+29" in caplog.text


def test_after_skipped_steps_training_goes_on_at_the_rate_of_its_step(tiny_root: Path):
    half = ("hardware.precision=O2", "hardware.mode=pynative")
    step, state, batches = steps_of(tiny_root, *half, "hardware.loss_scale=1e30")
    step(*batches[0])
    skipped = state.tensors()
    assert step.loss_scale is not None
    skipped["loss_scale.scale_value"] = np.array(64, np.float32)
    state.restore(skipped)
    step(*batches[1])

    other, same, _ = steps_of(tiny_root, *half, "hardware.loss_scale=64")
    skipped["loss_scale.skipped"] = np.array(0, np.int32)
    same.restore(skipped)
    other(*batches[1])
    expected = same.tensors()
    for name, tensor in state.tensors().items():
        if name != "loss_scale.skipped":
            np.testing.assert_array_equal(tensor, expected[name], err_msg=name)
    assert state.tensors()["optimiser.global_step"] == 2


def test_without_overflow_the_scale_does_not_show(tiny_root: Path):
    """Powers of two scale exactly where nothing vanishes."""
    found = []
    for scale in (1, 1024):
        step, state, batches = steps_of(
            tiny_root, "hardware.precision=O2", f"hardware.loss_scale={scale}", "hardware.mode=pynative"
        )
        losses = step(*batches[0])
        assert step.points()["precision/skipped_steps"] == 0
        found.append((losses, state.tensors()))
    (plain, weights), (scaled, scaled_weights) = found
    assert plain == scaled
    for name, tensor in weights.items():
        if name.startswith("model."):
            np.testing.assert_allclose(tensor, scaled_weights[name], rtol=1e-3, atol=2e-5, err_msg=name)


def test_the_scale_grows_after_a_window_without_overflow(tiny_root: Path):
    step, _, batches = steps_of(
        tiny_root,
        *("hardware.precision=O2", "hardware.loss_scale=8", "hardware.loss_scale_window=2", "hardware.mode=pynative"),
    )
    scales = []
    for batch in batches:
        step(*batch)
        scales.append(step.points()["precision/loss_scale"])
    assert scales == [8, 16, 16, 32]


def test_gradients_that_overflow_without_any_scale_end_the_run(tiny_root: Path):
    step, state, batches = steps_of(tiny_root, "hardware.precision=O2", "hardware.mode=pynative")
    tensors = state.tensors()
    tensors["loss_scale.scale_value"] = np.array(1, np.float32)
    name = "model.frame_neck.classifier.weight"
    tensors[name] = np.full_like(tensors[name], 3e38)
    state.restore(tensors)
    with pytest.raises(NonFiniteLossError, match="step 0"):
        step(*batches[0])
    np.testing.assert_array_equal(state.tensors()[name], tensors[name])


def test_full_precision_has_no_scale(tiny_root: Path):
    step, state, _ = steps_of(tiny_root)
    assert step.points() == {} and not any(name.startswith("loss_scale") for name in state.tensors())
