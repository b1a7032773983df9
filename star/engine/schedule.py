"""Learning rate of every step, as a pure function of the step.

STAR's paper, section 4.2 (implementation details): linear warm-up, then x0.1 at each of two milestones. Ours warms up
step by step, (step + 1) / warm-up steps, where the releases raise the rate once an epoch.

The schedules of other methods' code, which `learning_rates` gives as well (r is the rate, e the epoch from 0):

    MITML, SAADG, AGW   warmup_per="epoch"                      r (e + 1) / 10, then milestones
    M3-ReID             warmup_epochs=0                         milestones alone
    X-ReID              warmup_per="epoch", warmup_start=0.1    r (0.1 + 0.9 e / 10), then milestones
    VLD                 warmup_per="epoch", warmup_start=0,     f + (r - f) e / 3, then
                        decay="cosine", floor=2.5e-7            f + (r - f) (1 + cos(pi e / epochs)) / 2
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np


def learning_rates(
    rate: float,
    *,
    epochs: int,
    batches: int,
    warmup_epochs: int,
    warmup_per: Literal["step", "epoch"] = "step",
    warmup_start: float | None = None,
    decay: Literal["steps", "cosine"] = "steps",
    milestones: Sequence[int] = (),
    gamma: float = 0.1,
    floor: float = 0.0,
) -> np.ndarray:
    """The learning rate of each step of a run.

    Args:
        rate: after warm-up and before any decay.
        epochs, batches: length of the run; `batches` per epoch.
        warmup_epochs: epochs of linear warm-up; 0 for none.
        warmup_per: raise the rate with every step or once an epoch.
        warmup_start: share of `rate` that the first of the n steps or epochs of the warm-up has, the next one after
            it being the first at the full rate; None: 1 / n, and the last of the n is at the full rate.
        decay: "steps" multiplies the rate by `gamma` at each milestone; "cosine" lets it sink once an epoch along half
            a cosine over all epochs of the run, those of the warm-up counted but left as they are.
        milestones: epochs from whose first step on the rate is multiplied by `gamma` once more; of "steps" only.
        gamma: factor of a milestone.
        floor: learning rate under which neither the start of the warm-up (if given) nor the cosine goes; of a `rate`
            below it, that rate.

    Returns:
        [epochs * batches] float32.
    """
    step = np.arange(epochs * batches)
    lowest = min(1.0, floor / rate) if rate else 1.0
    warmup = _warmup(step, warmup_epochs, batches, warmup_per, warmup_start, lowest)
    if decay == "cosine":
        epoch = step // batches
        cosine = lowest + (1 - lowest) * (1 + np.cos(np.pi * epoch / epochs)) / 2
        factor = np.where(epoch < warmup_epochs, 1.0, cosine)
    else:
        factor = gamma ** np.searchsorted(np.sort(milestones) * batches, step, side="right")
    return (rate * factor * warmup).astype(np.float32)


def _warmup(
    step: np.ndarray, epochs: int, batches: int, per: Literal["step", "epoch"], start: float | None, lowest: float
) -> np.ndarray | float:
    """Factor on the rate of each step; no less than `lowest` if `start` is given."""
    if not epochs:
        return 1.0
    position, length = (step, epochs * batches) if per == "step" else (step // batches, epochs)
    if start is None:
        return np.minimum(1.0, (position + 1) / length)
    first = max(start, lowest)
    return np.minimum(1.0, first + (1 - first) * position / length)
