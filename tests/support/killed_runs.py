"""Runs that are killed and resumed, held against uninterrupted ones."""

from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import numpy as np
from support.fork_server import Forked

from star.engine.checkpoint import load_checkpoint

Point = tuple[str, int, float]


def run_folder(outputs: Path) -> Path:
    """The folder of the only run."""
    (folder,) = (outputs / "runs").iterdir()
    return folder


def steps_done(outputs: Path) -> int:
    """Steps in the last checkpoint; 0 before the first and while it is damaged."""
    found = list(outputs.glob("runs/*/checkpoints/last.json"))
    try:
        return json.loads(found[0].read_text())["step"] if found else 0
    except ValueError:
        return 0


def stopped(
    arguments: tuple[str, ...], outputs: Path, when: Callable[[], bool], number: signal.Signals
) -> subprocess.CompletedProcess[str]:
    """`star-train`, sent a signal as soon as `when` holds; it may end before."""
    with Forked("train", arguments, outputs) as process:
        deadline = time.monotonic() + 300
        while not process.ended() and not when() and time.monotonic() < deadline:
            time.sleep(0.02)
        process.send_signal(number)
        return process.wait()


def status(outputs: Path) -> str:
    """What the store has as the status of the run."""
    return _rows(outputs, "SELECT status FROM runs WHERE run_uuid = ?")[0][0]


def points(outputs: Path) -> list[Point]:
    """All points the store has of the run, but for the values of its speed."""
    rows = _rows(outputs, "SELECT key, step, value FROM metrics WHERE run_uuid = ?")
    return sorted((key, step, 0.0 if key.startswith("throughput/") else value) for key, step, value in rows)


def assert_same_run(one: Path, other: Path) -> None:
    """Weights, momenta, scores, history and stored points are those of the other run, bit for bit."""
    tensors, state = load_checkpoint(run_folder(one) / "checkpoints", "last")
    expected, expected_state = load_checkpoint(run_folder(other) / "checkpoints", "last")
    assert tensors.keys() == expected.keys()
    for name, tensor in expected.items():
        np.testing.assert_array_equal(tensors[name], tensor, err_msg=name)
    assert state | {"seconds": 0} == expected_state | {"seconds": 0}
    scores = [json.loads((run_folder(outputs) / "scores.json").read_text()) for outputs in (one, other)]
    assert scores[0] == scores[1]
    assert points(one) == points(other)
    assert len({point[:2] for point in points(one)}) == len(points(one))
    assert status(one) == status(other) == "FINISHED"


def _rows(outputs: Path, query: str) -> list[tuple]:
    run_id = json.loads((run_folder(outputs) / "run.json").read_text())["run_id"]
    with closing(sqlite3.connect(outputs / "mlflow.db")) as store:
        return store.execute(query, (run_id,)).fetchall()
