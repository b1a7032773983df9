"""Runs as pandas tables, for people who compare them in a notebook: `star.runs` and `star.per_query`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from star.config.paths import outputs_folder
from star.errors import ReportError
from star.evaluation.per_query import PER_QUERY_FILE, read_per_query
from star.report.differences import configuration, differing
from star.report.output import file_finder
from star.report.queries import misfit
from star.study.collect import collect
from star.study.study import STUDY_FILE, load_study

if TYPE_CHECKING:
    from star.tracking.runs import RunRecord

_FINAL = "final/"
_ABOUT = ("row", "seed", "name", "status", "started", "minutes")


def runs(
    study_or_experiment: str | Path, *, size: str | None = None, uri: str | None = None, outputs: Path | None = None
) -> pd.DataFrame:
    """One line a run: of a study the runs that count in its table, of an MLflow experiment all of them.

    Args:
        study_or_experiment: folder with study.yaml, or name of an MLflow experiment.
        size: of the study; None is its first.
        uri: address of the MLflow store; None is the one in the outputs folder.
        outputs: folder of runs; None is the project's own.

    Returns:
        Index `run_id`; columns `row` (of a study, else the choice of the group `experiment`), `seed`, `name`, `status`,
        `started` (UTC) and `minutes`, then the keys of the configuration in which the runs differ, as text, then the
        last scores in percent ("i2v/mAP" and the like) and numbers of valid queries, NaN where a run has none.

    Raises:
        ReportError: a wrong study.yaml, or runs that cannot stand in one table.
        TrackingError: the store cannot be read.
    """
    from star.tracking.runs import experiment_runs, study_runs
    from star.tracking.store import existing_store

    outputs = outputs_folder() if outputs is None else outputs
    address = existing_store(uri, outputs)
    if (Path(study_or_experiment) / STUDY_FILE).is_file():
        study = load_study(Path(study_or_experiment), size)
        found = [(row.name, run) for row, _, run in collect(study, study_runs(address, study.name), outputs).all]
    else:
        of_experiment = experiment_runs(address, str(study_or_experiment))
        found = [(run.tags.get("experiment", ""), run) for run in of_experiment]
    find = file_finder(address, outputs)
    configurations = [configuration(run, find)[0] for _, run in found]
    settings = {difference.key: difference.values for difference in differing(configurations)}
    table = pd.DataFrame([_about(row, run) for row, run in found], columns=["run_id", *_ABOUT])
    table = table.assign(**settings) if settings else table
    return pd.concat([table, _scores([run for _, run in found])], axis=1).set_index("run_id")


def per_query(run: str | Path, *, uri: str | None = None, outputs: Path | None = None) -> pd.DataFrame:
    """One line a query of a run: what it found.

    Args:
        run: id, its first characters, name or folder of the run.
        uri: address of the MLflow store; None is the one in the outputs folder.
        outputs: folder of runs; None is the project's own.

    Returns:
        Index `direction` and `query`, the query's position in its direction's list; columns `identity`, `camera`,
        `first_frame`, `matches` (right answers in the gallery), `average_precision` and `inverse_negative_penalty` in
        0..1, `first_hit` (rank of the first right answer, 1 is best), `answers` (the first ten, as positions in the
        gallery) and `right` (whether they are). A query without a match has NaN and no first hit.

    Raises:
        ReportError: the run has no record of its queries, or one with other scores than the run's.
        TrackingError: no such run, or the store cannot be read.
    """
    from star.tracking.runs import find_run
    from star.tracking.store import existing_store

    outputs = outputs_folder() if outputs is None else outputs
    address = existing_store(uri, outputs)
    record = find_run(address, str(run))
    path = file_finder(address, outputs)(record, PER_QUERY_FILE)
    if path is None:
        raise ReportError(f"run {record.run_id} has no {PER_QUERY_FILE}: star-evaluate run={record.run_id} --per-query")
    queries = read_per_query(path)
    if problem := misfit(record, queries):
        again = f"star-evaluate run={record.run_id} --per-query writes it again"
        raise ReportError(f"{path} is not of the run's final scores, {problem}: {again}")
    tables = {direction: pd.DataFrame(found._asdict()) for direction, found in queries.items()}
    table = pd.concat(tables, names=["direction", "query"])
    table["first_hit"] = table["first_hit"].where(table["matches"] > 0).astype("Int64")
    table["answers"] = [[int(answer) for answer in text.split()] for text in table["answers"]]
    table["right"] = [[answer == "1" for answer in text.split()] for text in table["right"]]
    return table


def _about(row: str, run: RunRecord) -> dict[str, Any]:
    seed = run.tags.get("seed")
    return {
        "run_id": run.run_id,
        "row": row,
        "seed": None if seed is None else int(seed),
        "name": run.name,
        "status": run.status,
        "started": pd.to_datetime(round(run.start * 1000), unit="ms", utc=True),
        "minutes": None if run.duration is None else run.duration / 60,
    }


def _scores(records: Sequence[RunRecord]) -> pd.DataFrame:
    names = dict.fromkeys(name for run in records for name in sorted(run.metrics) if name.startswith(_FINAL))
    values = {name.removeprefix(_FINAL): [run.metrics.get(name, float("nan")) for run in records] for name in names}
    return pd.DataFrame(values, dtype=float)
