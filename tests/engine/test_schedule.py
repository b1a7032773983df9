import numpy as np
import pytest

from star.engine.schedule import learning_rates


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
