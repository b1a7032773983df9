from pathlib import Path
from typing import Any

import numpy as np
import pytest

from star.engine.schedule import learning_rates

GOLDEN = np.load(Path(__file__).parents[1] / "golden" / "schedules.npz")


def by_hand(step: int, batches: int) -> float:
    epoch = step // batches
    factor = 0.01 if epoch >= 120 else 0.1 if epoch >= 60 else 1.0
    return 0.1 * factor * min(1.0, (step + 1) / (10 * batches))


def test_the_paper_s_schedule_at_every_step():
    rates = learning_rates(0.1, epochs=130, batches=7, warmup_epochs=10, milestones=[60, 120], gamma=0.1)
    np.testing.assert_allclose(rates, [by_hand(step, 7) for step in range(130 * 7)], rtol=1e-6)


@pytest.mark.parametrize(("warmup", "first"), [(0, 0.5), (2, 0.5 / 6)])
def test_warm_up_begins_above_zero(warmup: int, first: float):
    rates = learning_rates(0.5, epochs=3, batches=3, warmup_epochs=warmup)
    assert rates[0] == pytest.approx(first)
    assert rates[-1] == pytest.approx(0.5)


VLD: dict[str, Any] = {
    "warmup_epochs": 3,
    "warmup_per": "epoch",
    "warmup_start": 0.0,
    "decay": "cosine",
    "floor": 2.5e-7,
}
TEN: dict[str, Any] = {"warmup_epochs": 10, "warmup_per": "epoch"}
METHODS: dict[str, tuple[list[float], dict[str, Any]]] = {
    "vld": ([2.5e-5, 25 * 2.5e-5], VLD),
    "m3reid": ([2e-4], {"warmup_epochs": 0, "milestones": [80, 120]}),
    "xreid": ([5e-6], {**TEN, "warmup_start": 0.1, "milestones": [30, 50]}),
    "saadg": ([0.1], {**TEN, "milestones": [60, 120]}),
    "mitml": ([0.1], {**TEN, "milestones": [35, 80]}),
    "agw": ([0.1], {**TEN, "milestones": [20, 50]}),
}


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("batches", [1, 3])
def test_rates_of_an_epoch_are_those_of_the_method_s_code(method: str, batches: int):
    """One column a group of parameters; every step of an epoch has the epoch's rate."""
    expected = GOLDEN[method].reshape(len(GOLDEN[method]), -1)
    rates, options = METHODS[method]
    for group, rate in enumerate(rates):
        found = learning_rates(rate, epochs=len(expected), batches=batches, **options)
        np.testing.assert_allclose(found, np.repeat(expected[:, group], batches), rtol=1e-6)


def test_the_floor_is_of_a_given_start_and_of_no_milestone():
    rates = learning_rates(1.0, epochs=4, batches=1, floor=0.5, warmup_start=0.2, warmup_epochs=2, warmup_per="epoch")
    np.testing.assert_allclose(rates, [0.5, 0.75, 1, 1], rtol=1e-6)
    rates = learning_rates(1.0, epochs=4, batches=1, floor=0.9, warmup_epochs=2, milestones=[3])
    np.testing.assert_allclose(rates, [0.5, 1, 1, 0.1], rtol=1e-6)


def test_a_given_start_is_left_step_by_step():
    rates = learning_rates(2.0, epochs=3, batches=2, warmup_epochs=2, warmup_start=0.2)
    np.testing.assert_allclose(rates, [0.4, 0.8, 1.2, 1.6, 2, 2], rtol=1e-6)


def test_cosine_follows_warm_up_step_by_step_and_sinks_once_an_epoch():
    rates = learning_rates(2.0, epochs=4, batches=2, warmup_epochs=1, decay="cosine", milestones=[2])
    np.testing.assert_allclose(rates, [1, 2, *np.repeat(1 + np.cos(np.pi * np.arange(1, 4) / 4), 2)], rtol=1e-6)


@pytest.mark.parametrize("rate", [0.0, 1e-8])
def test_no_rate_is_raised_to_the_floor(rate: float):
    np.testing.assert_allclose(learning_rates(rate, epochs=5, batches=1, **VLD), np.full(5, rate), rtol=1e-6)
