"""Batches in parts: exact where rows do not see each other, and otherwise the mean of the parts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from mindspore import nn
from support.commands import SMALL

from star.config.check import check_overrides
from star.config.schema import Config
from star.engine.build_data import load_data, train_loader
from star.engine.build_network import build_model, build_step, draws_of_step
from star.errors import ConfigError
from star.models.random_inputs import KEEP_MASKS

ALONE = ("style=none", "loss=plain", "~loss.triplet", "schedule.clip_norm=null")
"""Without style attack, triplet and (below) statistics of the batch every row is trained as if it were alone."""


def configure(root: Path, *overrides: str) -> Config:
    small = (*SMALL, "schedule.identities=4", "dataset=hitsz_vcm", f"dataset.root={root}")
    return check_overrides(["experiment=star", *small, *overrides])


def freeze_statistics(model: nn.Cell) -> None:
    for _, cell in model.cells_and_names():
        if isinstance(cell, nn.BatchNorm1d | nn.BatchNorm2d):
            cell.use_batch_statistics = False


def train(config: Config, frozen: bool) -> tuple[list[dict[str, float]], dict[str, np.ndarray]]:
    data = load_data(config)
    model = build_model(config, identities=len(data.train.identities))
    if frozen:
        freeze_statistics(model)
    step, state = build_step(config, model, [np.full(2, 0.05, np.float32)] * 2)
    draw = draws_of_step(config, model)
    losses = []
    for index, batch in enumerate(train_loader(config, data).epoch(0)):
        draws = [
            {name: np.ones_like(array) if name in KEEP_MASKS else array for name, array in part.items()}
            for part in draw(index)
        ]
        losses.append(step(batch, draws, index))
    return losses, state.tensors()


@pytest.mark.parametrize(
    ("mode", "experiment"),
    [pytest.param("pynative", "star", marks=pytest.mark.slow), pytest.param("graph", "plain", marks=pytest.mark.slow)],
)
def test_parts_do_not_change_the_result_where_rows_are_alone(tiny_root: Path, mode: str, experiment: str):
    chosen = (f"experiment={experiment}", *ALONE, f"hardware.mode={mode}")
    whole, expected = train(configure(tiny_root, *chosen), frozen=True)
    halves, found = train(configure(tiny_root, *chosen, "schedule.accumulation_steps=2"), frozen=True)
    for one, other in zip(whole, halves, strict=True):
        assert one == pytest.approx(other, rel=1e-5)
    moved = 0
    for name, tensor in expected.items():
        np.testing.assert_allclose(
            found[name], tensor, rtol=1e-4, atol=1e-5 * np.abs(tensor).max() + 1e-9, err_msg=name
        )
        moved += name.startswith("optimiser.") and np.abs(tensor).max() > 0
    assert moved > 40


def test_losses_and_gradients_are_the_means_of_the_parts(tiny_root: Path):
    """With everything that couples rows: every part is what a batch of these identities would be."""
    config = configure(tiny_root, "schedule.accumulation_steps=2", "hardware.mode=pynative", "schedule.clip_norm=null")
    data = load_data(config)
    batch = next(iter(train_loader(config, data).epoch(0)))
    rates = [np.ones(1, np.float32)] * 2
    identities = len(data.train.identities)
    model = build_model(config, identities=identities)
    draws = draws_of_step(config, model)(0)
    step, state = build_step(config, model, rates)
    before = state.tensors()
    losses = step(batch, draws, 0)
    alone = configure(tiny_root, "hardware.mode=pynative", "schedule.clip_norm=null")
    parts = []
    for part in range(2):
        single, single_state = build_step(alone, build_model(alone, identities=identities), rates)
        rows = slice(2 * part, 2 * part + 2)
        part_losses = single(type(batch)(*(array[rows] for array in batch)), [draws[part]], 0)
        parts.append((part_losses, single_state.tensors()))
    for name, value in losses.items():
        assert value == pytest.approx(np.mean([part[0][name] for part in parts]), rel=1e-5)
    for name, tensor in state.tensors().items():
        if name.startswith("model.") and "moving" not in name:
            steps = [part[1][name] - before[name] for part in parts]
            expected = before[name] + np.mean(steps, axis=0)
            np.testing.assert_allclose(
                tensor, expected, rtol=1e-4, atol=1e-4 * np.abs(steps).max() + 1e-7, err_msg=name
            )


def test_parts_with_different_draws(tiny_root: Path):
    config = configure(tiny_root, "schedule.accumulation_steps=2")
    draws = draws_of_step(config, build_model(config, identities=4))(3)
    assert len(draws) == 2 and not np.array_equal(draws[0]["gains"], draws[1]["gains"])
    for part in draws:
        frames = len(part["same_modality"])
        assert sorted(part["same_modality"]) == sorted(part["other_modality"]) == list(range(frames))


@pytest.mark.parametrize(("parts", "processes"), [(3, 1), (4, 1), (2, 2)])
def test_parts_that_do_not_fit_are_refused(tiny_root: Path, parts: int, processes: int):
    with pytest.raises(ConfigError, match=r"schedule\.accumulation_steps.*parts of two or more"):
        configure(tiny_root, f"schedule.accumulation_steps={parts}", f"hardware.processes={processes}")
