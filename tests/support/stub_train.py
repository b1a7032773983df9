"""A stand-in for `star-train`: takes its overrides, keeps its folder and its run in the store, trains nothing.

`$STUB` is a folder. `calls.jsonl` there has the arguments of each call; `fingerprints/<power>-<seed>.json` is what a
run is to have as its fingerprint; `behaviour.json` tells by `<power>-<seed>` what happens: `finish` (the default),
`fail` (after a checkpoint), `refuse` (before the run is opened), `leave` (the same, as SIGTERM would have it), `hang`
(after a checkpoint), `hang early` (before it).
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import signal
import sqlite3
import sys
import time
from contextlib import closing
from pathlib import Path

from star.tracking.fingerprint import Fingerprint
from star.tracking.null_tracker import NullTracker
from star.tracking.runs import read_run_folder


def main() -> None:
    """One call."""
    stub, outputs = Path(os.environ["STUB"]), Path(os.environ["STAR_OUTPUTS"])
    with open(stub / "calls.jsonl", "a") as calls:
        calls.write(json.dumps(sys.argv[1:]) + "\n")
    if "-m" in sys.argv:
        return
    given = dict(argument.split("=", 1) for argument in sys.argv[1:])
    folder, run_id = Path(given.get("hydra.run.dir", "").strip("'")), None
    if "resume" in given:
        records = [json.loads(path.read_text()) | {"folder": path.parent} for path in outputs.glob("runs/*/run.json")]
        record = next(record for record in records if record["run_id"] == given["resume"])
        folder, run_id = record["folder"], record["run_id"]
        given = json.loads((folder / "given.json").read_text())
    key = f"{given.get('aggregation.power', 'own')}-{given['seed']}"
    behaviour = json.loads((stub / "behaviour.json").read_text()).get(key, "finish") if run_id is None else "finish"
    if behaviour == "refuse":
        sys.exit("error: the configuration has 1 problem:\n  schedule.epochs: given 0, expected an integer")
    if behaviour == "leave":
        sys.exit(128 + signal.SIGTERM)
    _train(given, behaviour, folder, run_id, stub / "fingerprints" / f"{key}.json")


def _train(given: dict[str, str], behaviour: str, folder: Path, run_id: str | None, mark: Path) -> None:
    tags = {"study": given["study"], "experiment": given["experiment"], "seed": given["seed"]}
    tags |= {"overrides": " ".join(f"{key}={value}" for key, value in given.items() if "hydra" not in key)}
    tags |= {"fingerprint": Fingerprint.load(mark).digest, "protocol": "stub", "clip": "T=6 64x32"}
    tags |= {"data_fingerprint": "data", "mlflow.parentRunId": os.environ.get("STAR_PARENT_RUN", "none")}
    tracker = _Tracker(
        experiment="star",
        run_name=f"{given['experiment']}-seed{given['seed']}",
        params={"seed": given["seed"], "schedule.epochs": 10},
        tags=tags,
        spool=folder / "events.jsonl",
        run_id=run_id,
    )
    with tracker:
        shutil.copy(mark, folder / "fingerprint.json")
        (folder / "run.json").write_text(json.dumps({"run_id": tracker.run_id}))
        (folder / "given.json").write_text(json.dumps(given))
        if behaviour == "hang early":
            _hang(folder)
        (folder / "checkpoints").mkdir(exist_ok=True)
        (folder / "checkpoints" / "last.json").write_text(json.dumps({"epoch": 3}))
        if behaviour == "fail":
            raise RuntimeError("no luck")
        if behaviour == "hang":
            _hang(folder)
        scores = {f"final/{d}/{name}": 10.0 + int(given["seed"]) for d in ("i2v", "v2i") for name in ("mAP", "R1")}
        tracker.log_metrics(scores | {f"final/{d}/valid_queries": 24.0 for d in ("i2v", "v2i")}, 30)


class _Tracker(NullTracker):
    """Writes the run into an SQLite store when it begins and when it ends: importing MLflow takes seconds."""

    def __init__(self, **about) -> None:
        super().__init__(**about)
        self._path: Path = about["spool"]
        self._lock = open(self._path, "rb")  # noqa: SIM115 - held as long as the process lives
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        self._write()

    def _deliver_rest(self) -> None:
        self._write()

    def _write(self) -> None:
        run = read_run_folder(self._path.parent)
        start = int(run.start * 1000)
        end = None if run.duration is None else start + int(run.duration * 1000)
        row = (
            run.run_id,
            run.name,
            "LOCAL",
            "stub",
            "",
            "nobody",
            run.status,
            start,
            end,
            "",
            "active",
            "file:///none",
            0,
        )
        with closing(sqlite3.connect(Path(os.environ["STAR_OUTPUTS"]) / "mlflow.db", timeout=60)) as store, store:
            store.execute(
                "INSERT OR REPLACE INTO runs (run_uuid, name, source_type, source_name, entry_point_name, user_id, "
                "status, start_time, end_time, source_version, lifecycle_stage, artifact_uri, experiment_id) "
                f"VALUES ({', '.join('?' * len(row))})",
                row,
            )
            for table, values in (("tags", run.tags), ("params", run.params)):
                store.executemany(
                    f"INSERT OR REPLACE INTO {table} (key, value, run_uuid) VALUES (?, ?, ?)",
                    [(key, value, run.run_id) for key, value in values.items()],
                )
            store.executemany(
                "INSERT OR REPLACE INTO latest_metrics (key, value, timestamp, step, is_nan, run_uuid) "
                "VALUES (?, ?, 0, 0, 0, ?)",
                [(key, value, run.run_id) for key, value in run.metrics.items()],
            )
        (self._path.with_name("events.jsonl.sent")).write_text(str(self._path.stat().st_size))


def _hang(folder: Path) -> None:
    (folder / "hangs").touch()
    time.sleep(600)


if __name__ == "__main__":
    main()
