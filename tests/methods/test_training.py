"""Every method trains at the smallest size, in both modes, and compiles to the numbers of PyNative mode."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from support.commands import SMALL
from support.methods import EXTRA, METHODS

from star.config.check import check_overrides
from star.config.compose import group_choices
from star.engine.build_data import load_data, train_loader
from star.engine.build_network import build_model, build_step, draws_of_step

STEPS = 2


def losses(method: str, mode: str, root: Path) -> list[dict[str, float]]:
    size = [*SMALL, *EXTRA[method], f"schedule.batches_per_epoch={STEPS}", f"hardware.mode={mode}"]
    config = check_overrides([f"method={method}", *size, "dataset=hitsz_vcm", f"dataset.root={root}"])
    data = load_data(config)
    model = build_model(config, identities=len(data.train.identities))
    step = build_step(config, model, [np.full(STEPS * config.schedule.epochs, 1e-3, np.float32)] * 2)[0]
    draw = draws_of_step(config, model)
    return [step(batch, draw(i), i) for i, batch in enumerate(train_loader(config, data).epoch(0))]


@pytest.mark.parametrize("method", sorted(METHODS))
def test_graph_mode_gives_the_numbers_of_pynative(method: str, tiny_root: Path):
    eager, graph = losses(method, "pynative", tiny_root), losses(method, "graph", tiny_root)
    assert len(eager) == STEPS
    for one, other in zip(eager, graph, strict=True):
        assert np.isfinite(list(one.values())).all()
        assert one == pytest.approx(other, rel=1e-3, abs=1e-5)


def test_methods_are_experiments():
    assert set(group_choices()["experiment"]) >= METHODS
    for method in METHODS:
        assert check_overrides([f"method={method}", "dataset=synthetic"]) == check_overrides(
            [f"experiment={method}", "dataset=synthetic"]
        )
