"""Per-query records of the runs of a study, and the bootstrap of single runs over queries."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from star.errors import EvaluationError
from star.evaluation.per_query import PER_QUERY_FILE, PerQuery, read_per_query
from star.report.statistics import Interval, Resample, bootstrap_intervals
from star.study.collect import Collected
from star.study.study import PLAIN_COLUMNS, Row
from star.types import DIRECTIONS, Direction

if TYPE_CHECKING:
    from star.tracking.runs import RunRecord

Queries = Mapping[Direction, PerQuery]
FindFile = Callable[["RunRecord", str], "Path | None"]
"""A file of a run by its name, None where it cannot be had."""

_SAME_SCORE = 1e-6


class Score(NamedTuple):
    """One score of one run, in percent, with bootstrap intervals over its queries.

    Attributes:
        score: of the run.
        difference: to the baseline run of the same seed; None in the baseline and without such a run.
    """

    score: Interval
    difference: Interval | None


class SingleRun(NamedTuple):
    """A run with its scores by column."""

    row: Row
    seed: int
    run_id: str
    cells: dict[str, Score]


def load_queries(runs: Iterable[RunRecord], find: FindFile) -> tuple[dict[str, Queries], list[str]]:
    """Read the per-query records of runs.

    Args:
        runs: the runs.
        find: where files of runs are.

    Returns:
        Records by run id, and what a reader should know about runs without one.
    """
    records: dict[str, Queries] = {}
    notes, absent = [], []
    for run in runs:
        path = find(run, PER_QUERY_FILE)
        if path is None:
            absent.append(run.run_id)
            continue
        try:
            record = read_per_query(path)
        except EvaluationError as error:
            notes.append(f"the per-query record of run {run.run_id} is left out: {error}")
            continue
        problem = misfit(run, record)
        if problem:
            notes.append(f"the per-query record of run {run.run_id} is left out: {problem}")
        else:
            records[run.run_id] = record
    if absent:
        notes.append(
            f"no {PER_QUERY_FILE} of {', '.join(absent)}: such runs are older than that file, or neither their folder "
            "nor their artifacts are here; what needs single queries leaves them out "
            "(`star-evaluate run=ID --per-query` writes it)"
        )
    return records, notes


def same_queries(one: PerQuery, other: PerQuery) -> bool:
    """Whether position q is the same query with the same number of matches in both."""
    return (
        one.first_frame == other.first_frame
        and np.array_equal(one.identity, other.identity)
        and np.array_equal(one.camera, other.camera)
        and np.array_equal(one.matches, other.matches)
    )


def single_runs(collected: Collected, records: Mapping[str, Queries], resample: Resample) -> list[SingleRun]:
    """Every run that has a record, with intervals over its queries.

    Args:
        collected: the runs of a study.
        records: by run id; runs are compared where their queries are the same.
        resample: what the bootstrap draws.
    """
    runs = [(row, seed, run.run_id) for row, seed, run in collected.all if run.run_id in records]
    baseline = {seed: run.run_id for seed, run in collected.runs[collected.study.baseline].items()}
    cells: dict[str, dict[str, Score]] = {run_id: {} for _, _, run_id in runs}
    for direction in DIRECTIONS:
        columns = [c for c in collected.study.columns if c in PLAIN_COLUMNS and c.startswith(f"{direction}/")]
        pairs = [
            (run_id, None if row.name == collected.study.baseline else baseline.get(seed)) for row, seed, run_id in runs
        ]
        for column, found in zip(columns, _scores(direction, columns, pairs, records, resample), strict=True):
            for run_id, score in found.items():
                cells[run_id][column] = score
    return [
        SingleRun(row, seed, run_id, {c: cells[run_id][c] for c in collected.study.columns if c in cells[run_id]})
        for row, seed, run_id in runs
    ]


def paired_scores(
    direction: Direction, columns: list[str], ours: Queries, theirs: Queries, resample: Resample
) -> dict[str, Score]:
    """The scores of `ours` and its differences to `theirs`, as in `single_runs`."""
    records = {"ours": ours, "theirs": theirs}
    found = _scores(direction, columns, [("ours", "theirs")], records, resample)
    return {column: scores["ours"] for column, scores in zip(columns, found, strict=True) if "ours" in scores}


def _scores(
    direction: Direction,
    columns: list[str],
    pairs: list[tuple[str, str | None]],
    records: Mapping[str, Queries],
    resample: Resample,
) -> list[dict[str, Score]]:
    """For every column the scores by run id; one bootstrap serves all runs with the same queries."""
    found: list[dict[str, Score]] = [{} for _ in columns]
    groups: dict[tuple[bytes, bytes], list[tuple[str, str | None]]] = {}
    for run_id, other in pairs:
        if columns and direction in records[run_id]:
            queries = records[run_id][direction]
            groups.setdefault((queries.identity.tobytes(), queries.valid.tobytes()), []).append((run_id, other))
    for group in groups.values():
        own = {run_id: records[run_id][direction] for run_id, _ in group}
        first = next(iter(own.values()))
        clusters = first.identity if resample == "identities" else np.arange(len(first.identity))
        keys, values = [], []
        for place, column in enumerate(columns):
            name = column.split("/")[1]
            for run_id, other in group:
                keys.append((place, run_id, False))
                values.append(own[run_id].values(name))
                theirs = records[other].get(direction) if other is not None and other in records else None
                if theirs is not None and same_queries(own[run_id], theirs):
                    keys.append((place, run_id, True))
                    values.append(own[run_id].values(name) - theirs.values(name))
        intervals = bootstrap_intervals(100 * np.stack(values)[:, first.valid], clusters[first.valid])
        for (place, run_id, compared), interval in zip(keys, intervals, strict=True):
            if interval is not None and compared:
                found[place][run_id] = found[place][run_id]._replace(difference=interval)
            elif interval is not None:
                found[place][run_id] = Score(interval, None)
    return found


def misfit(run: RunRecord, record: Queries) -> str | None:
    """Why a record is not that of the run's final scores; None if it is."""
    for direction in DIRECTIONS:
        score = run.metrics.get(f"final/{direction}/mAP")
        if direction not in record:
            if score is not None:
                return f"it has no {direction}"
            continue
        queries = record[direction]
        mean = 100 * float(np.mean(queries.average_precision[queries.valid])) if queries.valid.any() else 0.0
        if score is not None and abs(score - mean) > _SAME_SCORE:
            return f"its {direction} mAP is {mean:.4f}, the run's is {score:.4f}"
    return None
