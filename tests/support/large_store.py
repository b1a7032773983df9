"""An SQLite store of hundreds of runs of one study, with their folders: the project's tracker writes one run a row.

The runs of the other seeds are copies of it on MLflow's tables, because the tracker would need minutes for them.
"""

from __future__ import annotations

import json
import sqlite3
import uuid
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import yaml

from star.config.check import check_overrides
from star.config.migrations import VERSION
from star.config.schema import Config
from star.engine.params import run_params
from star.evaluation.per_query import PER_QUERY_FILE, PerQuery, write_per_query
from star.study.settings import row_overrides
from star.study.study import Row, Study, load_study
from star.tracking.fingerprint import fingerprint
from star.tracking.mlflow_tracker import open_run
from star.tracking.provenance import provenance
from star.tracking.spool import SPOOL_NAME
from star.types import DIRECTIONS, Direction

STUDY = """
title: Powers of the mean over the frames
common: [size=cpu]
seeds: {seeds}
baseline: power_1
rows:
{rows}
columns: [i2v/R1, i2v/mAP, v2i/R1, v2i/mAP]
"""
EPOCHS, STEPS, LOG_EVERY = 36, 40, 10
QUERIES, FIRST_ANSWERS = 48, " ".join(map(str, range(10)))
_TABLES = ("runs", "tags", "params", "metrics", "latest_metrics")


def write_large_store(folder: Path, rows: int, seeds: int) -> tuple[Study, Path]:
    """Write finished runs of `rows` rows with `seeds` seeds each.

    Returns:
        The study, and the outputs folder with its store and the folders of its runs.
    """
    study, outputs = _write_study(folder / "powers", rows, seeds), folder / "outputs"
    first = {row.name: _write_run(outputs, study, row) for row in study.rows}
    with closing(sqlite3.connect(outputs / "mlflow.db")) as store, store:
        for row_name, (run_id, config) in first.items():
            for seed in study.seeds[1:]:
                copied, run_folder = uuid.uuid4().hex, outputs / "runs" / f"{row_name}_{seed}"
                _copy_run(store, run_id, copied, {"seed": str(seed), "run_folder": str(run_folder)})
                _write_folder(run_folder, copied, replace(config, seed=seed))
                for name in (SPOOL_NAME, f"{SPOOL_NAME}.sent"):
                    content = (outputs / "runs" / f"{row_name}_0" / name).read_text()
                    (run_folder / name).write_text(content.replace(run_id, copied))
    return study, outputs


def _write_study(folder: Path, rows: int, seeds: int) -> Study:
    lines = [
        f"  - {{name: power_{power}, label: p = {power}, experiment: star, overrides: [aggregation.power={power}.0]}}"
        for power in range(1, rows + 1)
    ]
    folder.mkdir()
    (folder / "study.yaml").write_text(STUDY.format(seeds=list(range(seeds)), rows="\n".join(lines)))
    return load_study(folder)


def _write_run(outputs: Path, study: Study, row: Row) -> tuple[str, Config]:
    overrides = [*row_overrides(study, row), "seed=0"]
    config = check_overrides(overrides)
    folder = outputs / "runs" / f"{row.name}_0"
    tags = {"study": study.name, "experiment": row.experiment, "seed": 0, "overrides": " ".join(overrides)}
    tags |= {"fingerprint": fingerprint(config, "data").digest, "data_fingerprint": "data", "protocol": "invented"}
    tags |= {"clip": "T=6 64x32", "device": "none, numbers are invented", **provenance()}
    about = {"experiment": "star", "run_name": f"{row.experiment}-seed0", "params": run_params(config), "tags": tags}
    with open_run(uri=None, outputs=outputs, spool=folder / "events.jsonl", **about) as run:
        _write_folder(folder, run.run_id, config)
        for step, metrics in _points(config):
            run.log_metrics(metrics, step)
    return run.run_id, config


def _points(config: Config) -> Iterator[tuple[int, dict[str, float]]]:
    scores = {
        f"{direction}/{name}": 100 * float(np.mean(queries.values(name)))
        for direction, queries in _record().items()
        for name in ("R1", "mAP")
    }
    for step in range(0, EPOCHS * STEPS, LOG_EVERY):
        losses = {f"loss/{name}": 2.5 * np.exp(-step / 400) for name in config.loss}
        yield step, {**losses, "loss/total": sum(losses.values()), "rate/head": 0.1}
        if step % (6 * STEPS) == 0:
            yield step, {name: score * (1 - np.exp(-step / 400)) for name, score in scores.items()}
    counts = {f"{direction}/valid_queries": float(QUERIES) for direction in DIRECTIONS}
    yield EPOCHS * STEPS, {f"final/{name}": value for name, value in {**scores, **counts}.items()}


def _record() -> dict[Direction, PerQuery]:
    queries = np.arange(QUERIES)
    first_hit = 1 + queries % 5
    one = PerQuery(
        identity=queries // 2,
        camera=queries % 2,
        first_frame=tuple(f"{query:04d}" for query in queries),
        matches=np.full(QUERIES, 2),
        average_precision=1 / first_hit,
        inverse_negative_penalty=1 / first_hit,
        first_hit=first_hit,
        answers=(FIRST_ANSWERS,) * QUERIES,
        right=(" ".join("1" * 10),) * QUERIES,
    )
    return dict.fromkeys(DIRECTIONS, one)


def _write_folder(folder: Path, run_id: str, config: Config) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "run.json").write_text(json.dumps({"run_id": run_id}))
    values = json.loads(json.dumps({"version": VERSION, **asdict(config)}))
    (folder / "config.yaml").write_text(yaml.safe_dump(values))
    fingerprint(config, "data").save(folder / "fingerprint.json")
    write_per_query(_record(), folder / PER_QUERY_FILE)


def _copy_run(store: sqlite3.Connection, run_id: str, copied: str, tags: dict[str, str]) -> None:
    for table in _TABLES:
        store.execute(f"CREATE TEMP TABLE copied AS SELECT * FROM {table} WHERE run_uuid = ?", (run_id,))
        store.execute("UPDATE copied SET run_uuid = ?", (copied,))
        store.execute(f"INSERT INTO {table} SELECT * FROM copied")
        store.execute("DROP TABLE copied")
    for key, value in tags.items():
        store.execute("UPDATE tags SET value = ? WHERE run_uuid = ? AND key = ?", (value, copied, key))
    store.execute("UPDATE params SET value = ? WHERE run_uuid = ? AND key = 'seed'", (tags["seed"], copied))
