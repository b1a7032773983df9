"""Learning rate of every step, as a pure function of the step.

Paper section 4.2 (implementation details): linear warm-up, then a factor from given epochs on. Ours warms up step by
step, (step + 1) / warm-up steps, where the releases raise the rate once an epoch.
"""

from __future__ import annotations

import numpy as np


def learning_rates(
    rate: float, *, epochs: int, batches: int, warmup_epochs: int, decay: dict[int, float]
) -> np.ndarray:
    """The learning rate of each step of a run.

    Args:
        rate: after warm-up and before the first decay.
        epochs, batches: length of the run; `batches` per epoch.
        warmup_epochs: epochs of linear warm-up; 0 for none.
        decay: epoch -> factor on `rate` from the first step of that epoch on; the latest entry counts.

    Returns:
        [epochs * batches] float32.
    """
    step = np.arange(epochs * batches)
    factor = np.ones(len(step))
    for epoch in sorted(decay):
        factor[step >= epoch * batches] = decay[epoch]
    warmup = np.minimum(1.0, (step + 1) / (warmup_epochs * batches)) if warmup_epochs else 1.0
    return (rate * factor * warmup).astype(np.float32)
