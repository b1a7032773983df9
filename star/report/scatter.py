"""The average precision of every query, one row against another."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from star.report.curves import DIRECTION_NAMES
from star.report.figures import PAGE, panels, paper
from star.types import Direction

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_TIE = 1e-9


class Outcome(NamedTuple):
    """Queries with a higher, a lower and the same average precision."""

    wins: int
    losses: int
    ties: int


def outcome(differences: np.ndarray) -> Outcome:
    """Count the signs of differences [q]; NaN (no match) does not count."""
    differences = differences[np.isfinite(differences)]
    wins, losses = int((differences > _TIE).sum()), int((differences < -_TIE).sum())
    return Outcome(wins, losses, len(differences) - wins - losses)


def scatter_figure(pairs: Mapping[Direction, tuple[np.ndarray, np.ndarray]], ours: str, theirs: str) -> Figure:
    """One point a query: `theirs` to the right, `ours` upwards; one panel a direction.

    Args:
        pairs: by direction, ([q] of ours, [q] of theirs) average precisions in 0..1, NaN where they do not count.
        ours, theirs: labels.
    """
    with paper():
        figure, axes = panels(1, len(pairs), 3.1, PAGE * max(1, len(pairs)) / 2)
        for panel, (direction, (own, other)) in zip(axes, pairs.items(), strict=True):
            counted = outcome(own - other)
            panel.plot([0, 100], [0, 100], color="#777777", linewidth=0.7, zorder=1)
            size = 12 if len(own) < 500 else 3
            panel.scatter(
                *(100 * other, 100 * own),
                **{"s": size, "color": "#0072B2", "alpha": 0.45, "linewidths": 0, "rasterized": len(own) > 2000},
            )
            panel.set(title=f"{direction}: {DIRECTION_NAMES[direction]}", aspect="equal")
            panel.set(xlim=(-2, 102), ylim=(-2, 102), xlabel=f"AP of {theirs}, %", ylabel=f"AP of {ours}, %")
            panel.text(3, 100, f"better: {counted.wins}", va="top", fontsize=7)
            panel.text(100, 1, f"worse: {counted.losses}\nsame: {counted.ties}", ha="right", va="bottom", fontsize=7)
    return figure
