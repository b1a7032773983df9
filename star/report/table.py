"""The numbers of a table: mean and standard deviation over seeds, paired difference to the baseline."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import fmean, stdev
from typing import TYPE_CHECKING, Literal

from star.report.statistics import Interval, paired_interval
from star.study.collect import Collected

if TYPE_CHECKING:
    from star.tracking.runs import RunRecord

Kind = Literal["final", "best_on_test"]


@dataclass(frozen=True)
class Cell:
    """One score of one row, in percent.

    Attributes:
        mean: over the runs.
        deviation: standard deviation over the runs (divided by n - 1); None for a single run.
        difference: to the baseline over the seeds both have; None in the baseline itself and where they share none.
        interval: 95 % confidence interval of the difference over those seeds; None for fewer than two.
        pairs: number of seeds of the difference.
    """

    mean: float
    deviation: float | None
    difference: float | None
    interval: Interval | None = None
    pairs: int = 0


@dataclass(frozen=True)
class Line:
    """One row: its cells by column, where all its runs have the score, and the ids of the runs behind each of them."""

    name: str
    label: str
    cells: dict[str, Cell]
    run_ids: tuple[str, ...]


@dataclass(frozen=True)
class Table:
    """All rows for one kind of score.

    Attributes:
        kind: "final" is the last epoch; "best_on_test" the largest value over all rankings of the test set.
        columns: as in the study, as far as the runs have them.
        lines: in the order of the study.
        notes: how differences were taken where rows have different seeds.
    """

    kind: Kind
    columns: tuple[str, ...]
    lines: tuple[Line, ...]
    notes: tuple[str, ...]


def make_table(collected: Collected, kind: Kind = "final") -> Table:
    """Average over seeds.

    Args:
        collected: the runs of a study.
        kind: which metrics to read; columns that no run has are left out.
    """
    study = collected.study
    columns = tuple(
        column
        for column in study.columns
        if kind == "final" or any(f"{kind}/{column}" in run.metrics for _, _, run in collected.all)
    )
    baseline = collected.runs[study.baseline]
    lines, notes = [], []
    for row in study.rows:
        runs = collected.runs[row.name]
        compared = row.name != study.baseline
        cells = {
            column: cell
            for column in columns
            if (cell := _cell(f"{kind}/{column}", runs, baseline if compared else {})) is not None
        }
        lines.append(Line(row.name, row.label, cells, tuple(run.run_id for run in runs.values())))
        if compared and runs and baseline and runs.keys() != baseline.keys():
            common = ", ".join(map(str, sorted(runs.keys() & baseline.keys())))
            how = f"over the common seeds only ({common})" if common else "not given, no seed in common"
            notes.append(f"{row.label}: difference to the baseline {how}")
    return Table(kind, columns, tuple(lines), tuple(notes))


def _cell(key: str, runs: dict[int, RunRecord], baseline: dict[int, RunRecord]) -> Cell | None:
    if not runs or any(key not in run.metrics for run in runs.values()):
        return None
    values = [run.metrics[key] for run in runs.values()]
    common = [seed for seed in runs if seed in baseline and key in baseline[seed].metrics]
    differences = [runs[seed].metrics[key] - baseline[seed].metrics[key] for seed in common]
    return Cell(
        mean=fmean(values),
        deviation=stdev(values) if len(values) > 1 else None,
        difference=fmean(differences) if differences else None,
        interval=paired_interval(differences),
        pairs=len(differences),
    )
