"""The curves of a study, read from its runs: by quantity and by row label, one array a seed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np

from star.report.curves import over_epochs
from star.report.queries import Queries
from star.study.collect import Collected
from star.types import DIRECTIONS, Direction

if TYPE_CHECKING:
    from star.tracking.history import History
    from star.tracking.runs import RunRecord

SCORES = tuple(f"{direction}/mAP" for direction in DIRECTIONS)
LAST_STEP = tuple(f"final/{score}" for score in SCORES)
METRICS = (*SCORES, *LAST_STEP, "loss/")
"""Beginnings of the metrics the training curves need."""


def cmc_curves(collected: Collected, records: Mapping[str, Queries]) -> dict[Direction, dict[str, list[np.ndarray]]]:
    """The CMC of every run that has a per-query record: [20] by direction and row label."""
    curves: dict[Direction, dict[str, list[np.ndarray]]] = {}
    for direction in DIRECTIONS:
        rows = {row.label: [] for row in collected.study.rows}
        for row, _, run in collected.all:
            queries = records.get(run.run_id, {}).get(direction)
            if queries is not None and queries.valid.any():
                rows[row.label].append(queries.cmc)
        if any(rows.values()):
            curves[direction] = rows
    return curves


def training_curves(
    collected: Collected, read: Callable[[RunRecord], History]
) -> dict[str, dict[str, list[np.ndarray]]]:
    """Scores at the rankings and loss terms averaged over each epoch: [2 n], epochs and values.

    Args:
        collected: the runs.
        read: gives the points of a run's `METRICS`.
    """
    curves: dict[str, dict[str, list[np.ndarray]]] = {}
    for row, _, run in collected.all:
        history = read(run)
        steps_per_epoch = _steps_per_epoch(run, history)
        if steps_per_epoch is None:
            continue
        for name, points in history.items():
            if name in SCORES:
                found = np.array([[step / steps_per_epoch, value] for step, value in points]).reshape(-1, 2).T
            elif name.startswith("loss/"):
                found = over_epochs(points, steps_per_epoch)
            else:
                continue
            if found.shape[1]:
                curves.setdefault(name, {row.label: [] for row in collected.study.rows})[row.label].append(found)
    return {name: curves[name] for name in sorted(curves, key=_place)}


def _steps_per_epoch(run: RunRecord, history: History) -> float | None:
    """The final scores stand at the run's last step; None where the store does not tell."""
    epochs = run.params.get("schedule.epochs", "")
    steps = max((points[-1][0] for name in LAST_STEP if (points := history.get(name))), default=0)
    return steps / int(epochs) if epochs.isdecimal() and int(epochs) and steps else None


def _place(name: str) -> tuple[int, str]:
    """Scores, the total loss, its terms."""
    if name in SCORES:
        return SCORES.index(name), name
    return (len(SCORES) if name == "loss/total" else len(SCORES) + 1), name
