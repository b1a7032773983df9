"""All figures of a study's page, and what stands behind its scores."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from star.errors import DataError, ReportError
from star.report.captions import baseline_label
from star.report.curves import cmc_figure, training_figure
from star.report.differences import configuration, differing, provenance
from star.report.figures import save
from star.report.hardest import draw_hardest
from star.report.output import FIGURES
from star.report.page import Background, Pictures
from star.report.queries import FindFile, Queries, same_queries
from star.report.scatter import scatter_figure
from star.report.series import METRICS, cmc_curves, training_curves
from star.study.collect import Collected
from star.types import DIRECTIONS, Direction, VideoReIDData

if TYPE_CHECKING:
    from star.tracking.runs import RunRecord

_NO_RECORDS = "No run has a per-query record (per_query.csv), which this part is made of."
_NO_PAIRS = "No row has a per-query record of the same seed and queries as the baseline."


class Illustration(NamedTuple):
    """The figures' files and the rest of what the page needs; `background` still lacks notes and links."""

    pictures: Pictures
    background: Background


def illustrate(
    collected: Collected,
    records: Mapping[str, Queries],
    uri: str,
    find: FindFile,
    folder: Path,
    open_data: Callable[[Path], VideoReIDData] | None,
) -> Illustration:
    """Draw what there is, and say what is missing and why.

    Args:
        collected: the runs.
        records: per-query records by run id.
        uri: absolute address of the store.
        find: where files of runs are.
        folder: of the report; figures go to `figures` below it.
        open_data: opens the data set of a run's folder.

    Raises:
        ReportError: the figures cannot be written.
        TrackingError: the store cannot be read.
    """
    from star.tracking.history import metric_history

    complaints: dict[str, str] = {}
    figures = folder / FIGURES
    try:
        cmc = training = None
        if curves := cmc_curves(collected, records):
            cmc = save(cmc_figure(curves), figures, "cmc")
        else:
            complaints["cmc"] = _NO_RECORDS
        if histories := training_curves(collected, lambda run: metric_history(uri, run, METRICS)):
            training = save(training_figure(histories), figures, "training")
        else:
            complaints["training"] = "The store has no losses and scores over the epochs of these runs."
        scatter = _scatter(collected, records, figures)
        if not scatter:
            complaints["scatter"] = _NO_PAIRS if records else _NO_RECORDS
        hardest, notes = draw_hardest(collected, records, lambda run: _data(run, open_data), figures)
    except OSError as error:
        raise ReportError(f"the figures cannot be written to {figures}: {error.strerror}") from error
    if notes:
        complaints["hardest"] = " ".join(f"{note[0].upper()}{note[1:]}." for note in notes)
    elif not hardest:
        complaints["hardest"] = complaints.get("scatter", "No query differs from the baseline.")

    labels, configurations, whole = [], [], []
    for row in collected.study.rows:
        runs = collected.runs[row.name]
        if runs:
            settings, complete = configuration(next(iter(runs.values())), find)
            labels.append(row.label)
            configurations.append(settings)
            whole.append(complete)
    if not all(whole):
        shared = set.intersection(*(set(known) for known in configurations))
        configurations = [{key: known[key] for key in shared} for known in configurations]
        complaints["settings"] = "Of some runs only the parameters in the store are known; other keys are not compared."
    settings = differing(configurations)
    if not settings and "settings" not in complaints:
        complaints["settings"] = "None." if labels else "There is no run."
    background = Background(
        tuple(labels), settings, provenance([run for _, _, run in collected.all]), (), complaints, None
    )
    return Illustration(Pictures(cmc, training, scatter, tuple(hardest)), background)


def _scatter(collected: Collected, records: Mapping[str, Queries], folder: Path) -> tuple[tuple[str, Path], ...]:
    """One figure for each row, from the means over the seeds it shares with the baseline."""
    study = collected.study
    baseline = collected.runs[study.baseline]
    found = []
    for row in study.rows:
        seeds = [] if row.name == study.baseline else [seed for seed in collected.runs[row.name] if seed in baseline]
        runs = [(collected.runs[row.name][seed].run_id, baseline[seed].run_id) for seed in seeds]
        pairs: dict[Direction, tuple[np.ndarray, np.ndarray]] = {}
        for direction in DIRECTIONS:
            both = [
                (records[ours][direction], records[theirs][direction])
                for ours, theirs in runs
                if direction in records.get(ours, {}) and direction in records.get(theirs, {})
            ]
            both = [pair for pair in both if same_queries(*pair) and same_queries(pair[0], both[0][0])]
            if both:
                pairs[direction] = (
                    np.mean([own.average_precision for own, _ in both], axis=0),
                    np.mean([other.average_precision for _, other in both], axis=0),
                )
        if pairs:
            figure = scatter_figure(pairs, row.label, baseline_label(study))
            found.append((row.label, save(figure, folder, f"scatter_{row.name}")))
    return tuple(found)


def _data(run: RunRecord, open_data: Callable[[Path], VideoReIDData] | None) -> VideoReIDData:
    from star.tracking.artifacts import own_folder

    folder = own_folder(run)
    if open_data is None or folder is None:
        raise DataError(f"the folder of run {run.run_id} is not on this machine")
    return open_data(folder)
