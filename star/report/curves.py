"""Curves of a study's rows: CMC, training, and a score against a level of difficulty."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from star.errors import ReportError
from star.report.figures import legend_below, panels, paper, style
from star.types import Direction

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DIRECTION_NAMES: dict[Direction, str] = {
    "i2v": "infrared query, visible gallery",
    "v2i": "visible query, infrared gallery",
}
_MOST_MARKERS = 8


def cmc_figure(curves: Mapping[Direction, Mapping[str, Sequence[np.ndarray]]]) -> Figure:
    """Share of queries with a right answer among the first r, one panel a direction, mean over seeds.

    Args:
        curves: by direction and by row label, in the order of the table: [ranks] float64 of each seed, in 0..1.
    """
    with paper():
        figure, axes = panels(1, len(curves), 2.4)
        for panel, (direction, rows) in zip(axes, curves.items(), strict=True):
            for place, (label, found) in enumerate(rows.items()):
                if found:
                    ranks = np.arange(1, len(found[0]) + 1)
                    _line(panel, ranks, 100 * np.mean(found, axis=0), label, place, markers=True)
            panel.set(title=f"{direction}: {DIRECTION_NAMES[direction]}", xlabel="rank r")
            panel.set(xticks=[1, 5, 10, 15, 20], ylim=(0, 102))
        axes[0].set_ylabel("queries with a hit within r, %")
        legend_below(figure, axes[0])
    return figure


def training_figure(curves: Mapping[str, Mapping[str, Sequence[np.ndarray]]]) -> Figure:
    """Loss terms and scores over training, one panel a quantity, mean over seeds with a band of one deviation.

    Args:
        curves: by metric and by row label: [2 n] of each seed, epochs and values.
    """
    from matplotlib.ticker import MaxNLocator

    names = [name for name, rows in curves.items() if any(len(found) for found in rows.values())]
    columns = min(3, max(1, len(names)))
    with paper():
        figure, axes = panels(max(1, -(-len(names) // columns)), columns, 1.75)
        for panel, name in zip(axes, names, strict=False):
            for place, (label, found) in enumerate(curves[name].items()):
                if found:
                    x = np.unique(np.concatenate([points[0] for points in found]))
                    values = np.stack([np.interp(x, *points, left=np.nan, right=np.nan) for points in found])
                    _line(panel, x, _mean(values), label, place, band=_deviation(values))
            panel.set(title=_title(name), xlabel="epoch")
            panel.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        for panel in axes[len(names) :]:
            panel.set_visible(False)
        whole = max(axes, key=lambda panel: len(panel.get_legend_handles_labels()[1]))
        legend_below(figure, whole)
    return figure


def levels_figure(
    scores: Mapping[Direction, Mapping[str, Mapping[float, Sequence[float]]]],
    *,
    level: str,
    score: str = "mAP, %",
    chance: Mapping[Direction, float] | None = None,
) -> Figure:
    """A score of each row against a level, one panel a direction, mean over seeds with bars of one standard deviation.

    Args:
        scores: by direction, by row label in the order of the table, and by level: one number a seed.
        level: what the horizontal axis is, e.g. "share of the frame covered".
        score: what the vertical axis is.
        chance: score of a ranking in random order by direction, drawn as a thin line.

    Raises:
        ReportError: there is nothing to draw.
    """
    if not any(values for rows in scores.values() for levels in rows.values() for values in levels.values()):
        raise ReportError(f"no row has a score at any level of {level}: there is no curve to draw")
    with paper():
        figure, axes = panels(1, len(scores), 2.5)
        for panel, (direction, rows) in zip(axes, scores.items(), strict=True):
            _draw_levels(panel, rows)
            if chance:
                panel.axhline(chance[direction], color="#999999", linewidth=0.8, label="random order", zorder=0)
            panel.set(title=f"{direction}: {DIRECTION_NAMES[direction]}", xlabel=level)
        bottom = min(0.0, *(panel.get_ylim()[0] for panel in axes))
        top = max(panel.get_ylim()[1] for panel in axes)
        for panel in axes:
            panel.set_ylim(bottom, top)
        axes[0].set_ylabel(score)
        legend_below(figure, axes[0])
    return figure


def over_epochs(points: Sequence[tuple[int, float]], steps_per_epoch: float) -> np.ndarray:
    """[2 n], the means of points of each epoch, at the epoch's number; values that are not finite are left out.

    Args:
        points: (step, value), steps from 0.
        steps_per_epoch: steps of an epoch.
    """
    steps, values = np.array(points, dtype=np.float64).reshape(-1, 2).T
    finite = np.isfinite(values)
    epochs, place = np.unique(steps[finite] // steps_per_epoch + 1, return_inverse=True)
    return np.stack([epochs, np.bincount(place, values[finite]) / np.bincount(place)])


def _draw_levels(panel: Axes, rows: Mapping[str, Mapping[float, Sequence[float]]]) -> None:
    for place, (label, levels) in enumerate(rows.items()):
        points = sorted((x, list(values)) for x, values in levels.items() if values)
        if points:
            x, means = [point for point, _ in points], [float(np.mean(values)) for _, values in points]
            looks = style(place)
            panel.errorbar(
                x,
                means,
                yerr=[float(np.std(values, ddof=1)) if len(values) > 1 else 0.0 for _, values in points],
                **{"color": looks.colour, "linestyle": looks.dash, "marker": looks.marker, "markersize": 3.5},
                **{"capsize": 2, "elinewidth": 0.7, "label": label},
            )


def _title(metric: str) -> str:
    kind, _, name = metric.partition("/")
    return f"loss: {name.replace('_', ' ')}" if kind == "loss" else f"{kind} {name}, %"


def _line(
    panel: Axes,
    x: np.ndarray,
    y: np.ndarray,
    label: str,
    place: int,
    *,
    markers: bool = False,
    band: np.ndarray | None = None,
) -> None:
    looks = style(place)
    every = max(1, len(x) // _MOST_MARKERS)
    marked = {"marker": looks.marker, "markersize": 3, "markevery": (place % every, every)} if markers else {}
    if len(x) < 3:
        marked = {"marker": looks.marker, "markersize": 3}
    panel.plot(x, y, color=looks.colour, linestyle=looks.dash, label=label, **marked)
    if band is not None:
        panel.fill_between(x, y - band, y + band, color=looks.colour, alpha=0.15, linewidth=0)


def _mean(values: np.ndarray) -> np.ndarray:
    """[n], mean over seeds [s n] of those that have a value there."""
    count = np.isfinite(values).sum(axis=0)
    return np.where(count > 0, np.nansum(values, axis=0) / np.maximum(count, 1), np.nan)


def _deviation(values: np.ndarray) -> np.ndarray | None:
    """[n], standard deviation over seeds (n - 1), 0 where a single seed has a value; None for one seed."""
    if len(values) < 2:
        return None
    count = np.isfinite(values).sum(axis=0)
    squares = np.nansum((values - _mean(values)) ** 2, axis=0)
    return np.sqrt(squares / np.maximum(count - 1, 1))
