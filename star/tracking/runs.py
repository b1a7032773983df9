"""The read side: finished runs, one run, the runs of a study.

SQLite stores are read with SQL on the tables of MLflow 3.17 (pyproject.toml pins it), other stores through MLflow's
client. SQL is what keeps `star-report` on 500 runs within 10 s of processor time: 9.2 s, and 13.3 s through the client;
for `star-study status` it is 0.6 s and 4.2 s (tests/benchmarks/bench_report.py). A run's folder answers from its spool
alone.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

from star.errors import TrackingError
from star.tracking.moved_store import run_folder
from star.tracking.names import WORKED_TAG, clean_name
from star.tracking.spool import SPOOL_NAME, read_spool
from star.tracking.store import check_store, client, connect_read_only, shown, sqlite_file, translated

_RUNS = "SELECT run_uuid, name, status, start_time, end_time, experiment_id FROM runs WHERE lifecycle_stage = 'active'"
_TAGGED = " AND run_uuid IN (SELECT run_uuid FROM tags WHERE key = ? AND value = ?)"
_PAGE = 500
_SHOWN = 5


class RunRecord(NamedTuple):
    """One run as its store knows it.

    Attributes:
        run_id, name: as MLflow has them.
        status: "RUNNING", "FINISHED", "FAILED" or "KILLED".
        tags, params: MLflow's own tags begin with `mlflow.`.
        metrics: last value of each metric.
        start: seconds since 1970.
        duration: seconds worked on it, without the time from being killed to being resumed; None while the run is not
            ended.
        folder: the run's folder on the machine that made it; None if it has none.
        experiment_id: of MLflow's experiment; None where the store was not asked.
    """

    run_id: str
    name: str
    status: str
    tags: dict[str, str]
    params: dict[str, str]
    metrics: dict[str, float]
    start: float
    duration: float | None
    folder: Path | None
    experiment_id: str | None = None


def find_finished(uri: str, experiment: str, fingerprint: str) -> RunRecord | None:
    """The last finished run of an MLflow experiment with this fingerprint; None also where there is no store yet.

    Args:
        uri: absolute address, from `store_uri`.
        experiment: name of the MLflow experiment.
        fingerprint: value of the tag `fingerprint`.

    Raises:
        TrackingError: the store cannot be read.
    """
    condition = _TAGGED + " AND status = 'FINISHED' AND experiment_id IN (SELECT experiment_id FROM experiments"
    found = _search(
        uri,
        condition + " WHERE name = ?)",
        ("fingerprint", fingerprint, experiment),
        f"tags.fingerprint = {_quoted(fingerprint)} AND attributes.status = 'FINISHED'",
        experiment,
    )
    return found[-1] if found else None


def find_run(uri: str, run: str) -> RunRecord:
    """One run by its id, by the unique beginning of its id (4 characters or more), by its name, or by its folder.

    Raises:
        TrackingError: no such run, several, or a store that cannot be read.
    """
    folder = Path(run).expanduser()
    if folder.is_dir():
        return read_run_folder(folder)
    if "/" in run:
        raise TrackingError(f"there is no run folder {run}")
    found = _search(uri, " AND name = ?", (run,), f"attributes.run_name = {_quoted(run)}")
    if not found and len(run) >= 4 and run.isalnum():
        found = _search(uri, " AND run_uuid LIKE ?", (run + "%",), f"attributes.run_id LIKE '{run}%'")
    if len(found) == 1:
        return found[0]
    if found:
        newest = ", ".join(f"{one.run_id} ({one.name})" for one in found[: -_SHOWN - 1 : -1])
        more = ", newest first" if len(found) <= _SHOWN else f", the newest {_SHOWN}"
        raise TrackingError(f"{shown(uri)} has {len(found)} runs {run}, give the id of one{more}: {newest}")
    expected = "the id of a run, its first 4 or more characters, its name, or a run folder"
    raise TrackingError(f"{shown(uri)} has no run {run!r}: expected {expected}")


def study_runs(uri: str, study: str) -> list[RunRecord]:
    """All training runs of a study, oldest first, whatever their status; empty where there is no store yet.

    Args:
        uri: absolute address, from `store_uri`.
        study: value of the tag `study` at training, or a study the run was added to by `join_study`.

    Raises:
        TrackingError: the store cannot be read.
    """
    own = _search(uri, _TAGGED, ("study", study), f"tags.study = {_quoted(study)}")
    key = _study_key(study)
    joined = _search(uri, _TAGGED, (key, "true"), f"tags.`{key}` = 'true'")
    runs = {run.run_id: run for run in own + joined if run.tags.get("kind") != "sweep"}
    return sorted(runs.values(), key=lambda run: run.start)


def experiment_runs(uri: str, experiment: str) -> list[RunRecord]:
    """All training runs of an MLflow experiment, oldest first, whatever their status.

    Raises:
        TrackingError: the store cannot be read, or has no training run in an experiment of this name.
    """
    condition = " AND experiment_id IN (SELECT experiment_id FROM experiments WHERE name = ?)"
    found = _search(uri, condition, (experiment,), "", experiment)
    runs = [run for run in found if run.tags.get("kind") != "sweep"]
    if not runs:
        raise TrackingError(f"{shown(uri)} has no training run in an experiment {experiment!r}")
    return runs


def open_runs(uri: str) -> list[RunRecord]:
    """The training runs that the store has as RUNNING, of all studies, oldest first.

    Raises:
        TrackingError: the store cannot be read.
    """
    found = _search(uri, " AND status = 'RUNNING'", (), "attributes.status = 'RUNNING'")
    return [run for run in found if run.tags.get("kind") == "train"]


def study_parents(uri: str, study: str) -> list[RunRecord]:
    """The runs that a study's training runs are nested under, oldest first; empty where there is no store yet.

    Raises:
        TrackingError: the store cannot be read.
    """
    tagged = _search(uri, _TAGGED, ("study", study), f"tags.study = {_quoted(study)}")
    return [run for run in tagged if run.tags.get("kind") == "sweep"]


def join_study(uri: str, run: RunRecord, study: str) -> None:
    """Let a finished run count in a further study, which found it instead of repeating it.

    Raises:
        TrackingError: the store cannot be written.
    """
    key = _study_key(study)
    if run.tags.get("study") == study or run.tags.get(key) == "true":
        return
    check_store(uri)
    with translated(uri):
        client(uri).set_tag(run.run_id, key, "true")


def read_run_folder(folder: Path) -> RunRecord:
    """A run as its own spool tells it, without any store.

    Raises:
        TrackingError: the folder holds no spool, or one without a beginning.
    """
    spool = folder / SPOOL_NAME
    if not spool.is_file():
        raise TrackingError(f"{folder} is not a run folder: it has no {SPOOL_NAME}")
    opened: dict[str, Any] | None = None
    tags: dict[str, str] = {}
    metrics: dict[str, float] = {}
    ended: dict[str, Any] | None = None
    for event, _ in read_spool(spool):
        kind = event.get("event")
        if kind == "open":
            opened, ended = opened or event, None
            tags |= event["tags"]
        elif kind == "tags":
            tags |= event["values"]
        elif kind == "metrics":
            metrics |= event["values"]
        elif kind == "end":
            ended = event
    if opened is None:
        raise TrackingError(f"{spool} does not say which run it belongs to")
    return _record(
        opened["run_id"],
        opened["name"],
        ended["status"] if ended else "RUNNING",
        (opened["time"], ended["time"] if ended else None),
        tags,
        opened["params"],
        metrics,
    )._replace(folder=folder.resolve())


def _search(
    uri: str, condition: str, values: tuple[str, ...], filter_string: str, experiment: str | None = None
) -> list[RunRecord]:
    """Runs, oldest first: by an SQL condition in an SQLite store, by MLflow's filter in others.

    An empty file is a store nobody has opened yet.
    """
    path = sqlite_file(uri)
    if path is None:
        return _search_client(uri, filter_string, experiment)
    if not path.exists():
        return []
    try:
        with closing(connect_read_only(path)) as connection:
            found = _search_sqlite(connection, condition, values)
    except sqlite3.Error as error:
        if "no such table: runs" in str(error):
            if not path.stat().st_size:
                return []
            raise TrackingError(f"the tracking store {uri} is a database of another program") from error
        raise TrackingError(f"the tracking store {uri} cannot be read: {error}") from error
    return [run._replace(folder=run_folder(path, run.folder)) if run.folder else run for run in found]


def _search_sqlite(connection: sqlite3.Connection, condition: str, values: tuple[str, ...]) -> list[RunRecord]:
    runs = connection.execute(_RUNS + condition + " ORDER BY start_time, run_uuid", values).fetchall()
    records = []
    for run_id, name, status, start, end, experiment in runs:
        tags, params = (
            dict(connection.execute(f"SELECT key, value FROM {table} WHERE run_uuid = ?", (run_id,)).fetchall())
            for table in ("tags", "params")
        )
        latest = connection.execute("SELECT key, value, is_nan FROM latest_metrics WHERE run_uuid = ?", (run_id,))
        metrics = {key: float("nan") if is_nan else value for key, value, is_nan in latest}
        record = _record(run_id, name, status, (start, end), tags, params, metrics)
        records.append(record._replace(experiment_id=str(experiment)))
    return records


def _search_client(uri: str, filter_string: str, experiment: str | None) -> list[RunRecord]:
    check_store(uri)
    with translated(uri):
        mlflow_client = client(uri)
        experiments = [e for e in mlflow_client.search_experiments() if experiment in (None, e.name)]
        runs, token = [], None
        while experiments:
            page = mlflow_client.search_runs(
                [e.experiment_id for e in experiments],
                filter_string,
                max_results=_PAGE,
                order_by=["attributes.start_time ASC"],
                page_token=token,
            )
            runs += page
            token = page.token
            if not token:
                break
    return [
        _record(
            run.info.run_id,
            run.info.run_name,
            run.info.status,
            (run.info.start_time, run.info.end_time),
            run.data.tags,
            run.data.params,
            run.data.metrics,
        )._replace(experiment_id=run.info.experiment_id)
        for run in runs
    ]


def _record(
    run_id: str,
    name: str,
    status: str,
    times: tuple[int, int | None],
    tags: Mapping[str, str],
    params: Mapping[str, str],
    metrics: Mapping[str, float],
) -> RunRecord:
    start, end = times
    worked = tags.get(WORKED_TAG)
    seconds = float(worked) if worked else (end - start) / 1000 if end else None
    folder = tags.get("run_folder")
    return RunRecord(
        run_id,
        name,
        status,
        dict(tags),
        dict(params),
        dict(metrics),
        start / 1000,
        None if status == "RUNNING" else seconds,
        Path(folder) if folder else None,
    )


def _study_key(study: str) -> str:
    return f"study.{clean_name(study)}"


def _quoted(text: str) -> str:
    """A value in MLflow's filter language, which has no escapes but two kinds of quotes."""
    return f'"{text}"' if "'" in text else f"'{text}'"
