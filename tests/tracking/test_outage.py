"""Training while a real `mlflow server` is killed and started again, on SQLite and on PostgreSQL."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.commands import SMALL, start
from support.mlflow_server import MLflowServer, postgresql

from star.tracking.spool import read_acknowledged, read_spool, unsent_events
from star.tracking.store import client

pytestmark = pytest.mark.slow

RUN = (*SMALL, "dataset=synthetic", "experiment=baseline", "schedule.evaluate_every=100")
GENERATE = ("dataset.generate.train_identities=4", "dataset.generate.test_identities=3")


@pytest.fixture(params=["sqlite", "postgresql"])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[MLflowServer]:
    if request.param == "sqlite":
        made = MLflowServer(f"sqlite:///{tmp_path}/server.db", tmp_path)
        yield made
    else:
        with postgresql() as store:
            made = MLflowServer(store, tmp_path)
            yield made
            made.kill()
    made.kill()


def _wait_for(condition, process: subprocess.Popen[str], seconds: float = 300.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        if process.poll() is not None:
            pytest.fail(f"the run has ended: {process.communicate()[0][-3000:]}")
        time.sleep(0.3)


def _spool(outputs: Path) -> Path:
    return next(outputs.rglob("events.jsonl"))


def _events(outputs: Path) -> int:
    return sum(1 for _ in read_spool(_spool(outputs))) if list(outputs.rglob("events.jsonl")) else 0


def _recorded(spool: Path) -> dict[str, list[tuple[int, float]]]:
    points: dict[str, list[tuple[int, float]]] = {}
    for event, _ in read_spool(spool):
        if event["event"] == "metrics":
            for key, value in event["values"].items():
                points.setdefault(key, []).append((event["step"], value))
    return points


def _arrived(uri: str, run_id: str, key: str) -> list[tuple[int, float]]:
    return [(point.step, point.value) for point in client(uri).get_metric_history(run_id, key)]


@pytest.mark.parametrize("back", ["during the run", "after it"])
def test_everything_arrives_once_and_in_order(server: MLflowServer, tmp_path: Path, back: str):
    outputs = tmp_path / "outputs"
    outputs.mkdir()
    server.start()
    epochs = 300 if back == "during the run" else 60
    changes = (
        f"schedule.epochs={epochs}",
        "schedule.milestones=[]",
        f"tracker.uri={server.uri}",
        "tracker.flush_every=20",
    )
    run = start("train", (*RUN, *GENERATE, *changes), outputs)
    try:
        _wait_for(lambda: _events(outputs) > 20, run)
        server.kill()
        seen = _events(outputs)
        _wait_for(lambda: _events(outputs) > seen + 30, run)
        if back == "during the run":
            before = read_acknowledged(_spool(outputs))
            server.start()
            _wait_for(lambda: read_acknowledged(_spool(outputs)) > before, run)
        text, _ = run.communicate(timeout=900)
    finally:
        run.kill()
    assert run.returncode == 0, text[-3000:]
    assert text.count("does not take the numbers") == 1
    spool = _spool(outputs)
    if back == "after it":
        assert unsent_events(spool) > 30
        server.start()
    if unsent_events(spool):  # a slow machine may not send everything in the seconds a run waits at its end
        code = "from star.cli.sync import sync; sync()"
        environment = {**os.environ, "STAR_OUTPUTS": str(outputs)}
        done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    assert unsent_events(spool) == 0
    run_id = json.loads((spool.parent / "run.json").read_text())["run_id"]
    expected = _recorded(spool)
    assert len(expected["loss/total"]) == 2 * epochs
    for key, points in expected.items():
        assert _arrived(server.uri, run_id, key) == points, key
    assert client(server.uri).get_run(run_id).info.status == "FINISHED"
