"""Learning rate of every step, as a pure function of the step.

Paper section 4.2 (implementation details): linear warm-up, then x0.1 at each of two milestones. Ours warms up step by
step, (step + 1) / warm-up steps, where the releases raise the rate once an epoch.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def learning_rates(
    rate: float, *, epochs: int, batches: int, warmup_epochs: int, milestones: Sequence[int] = (), gamma: float = 0.1
) -> np.ndarray:
    """The learning rate of each step of a run.

    Args:
        rate: after warm-up and before the first milestone.
        epochs, batches: length of the run; `batches` per epoch.
        warmup_epochs: epochs of linear warm-up; 0 for none.
        milestones: epochs from whose first step on the rate is multiplied by `gamma` once more.
        gamma: factor of a milestone.

    Returns:
        [epochs * batches] float32.
    """
    step = np.arange(epochs * batches)
    factor = gamma ** np.searchsorted(np.sort(milestones) * batches, step, side="right")
    warmup = np.minimum(1.0, (step + 1) / (warmup_epochs * batches)) if warmup_epochs else 1.0
    return (rate * factor * warmup).astype(np.float32)
