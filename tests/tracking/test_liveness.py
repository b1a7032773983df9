"""A process that is gone leaves its run RUNNING in the store; another process recognises and closes it."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from star.errors import TrackingError
from star.tracking import liveness
from star.tracking.liveness import close_killed, is_going_on, where_it_runs
from star.tracking.runs import find_run, read_run_folder
from star.tracking.spool import unsent_events

PROCESS = """
import sys, time
from pathlib import Path
from star.tracking.mlflow_tracker import open_run
outputs = Path(sys.argv[1])
tracker = open_run(uri=None, outputs=outputs, experiment="star", run_name="alone", params={}, tags={"study": "mine"},
                   spool=outputs / "runs" / "alone" / "events.jsonl")
tracker.log_metrics({"loss/total": 1.0}, 3)
print(tracker.run_id, flush=True)
time.sleep(60)
"""


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(liveness, "OPENING_SECONDS", 0.0)


def test_a_run_whose_process_was_killed(outputs: Path, uri: str, at_once):
    with subprocess.Popen([sys.executable, "-c", PROCESS, str(outputs)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        run_id = process.stdout.readline().strip()
        run = find_run(uri, run_id)
        assert is_going_on(run)
        assert where_it_runs(run) == f"process {process.pid} on {os.uname().nodename}"
        with pytest.raises(TrackingError, match="going on"):
            close_killed(uri, run)
        process.send_signal(signal.SIGKILL)
    assert find_run(uri, run_id).status == "RUNNING"
    assert not is_going_on(run)
    close_killed(uri, run)
    closed = find_run(uri, run_id)
    assert closed.status == "KILLED" and closed.metrics == {"loss/total": 1.0}
    assert closed.duration is not None and closed.duration < 60
    assert run.folder is not None and read_run_folder(run.folder).status == "KILLED"
    assert unsent_events(run.folder / "events.jsonl") == 0


def test_a_run_that_ended_while_the_store_was_down_keeps_its_end(opened, uri: str, monkeypatch, at_once):
    tracker = opened()
    monkeypatch.setattr(tracker._sender._delivery, "send_pending", lambda: None)
    tracker.finish("FINISHED")
    run = find_run(uri, tracker.run_id)
    assert run.status == "RUNNING" and not is_going_on(run)
    close_killed(uri, run)
    assert find_run(uri, tracker.run_id).status == "FINISHED"


def test_ended_runs_are_not_going_on(opened, uri: str):
    with opened() as tracker:
        assert is_going_on(find_run(uri, tracker.run_id))
    assert not is_going_on(find_run(uri, tracker.run_id))


def _touched(path: Path, seconds_ago: float) -> None:
    then = time.time() - seconds_ago
    os.utime(path, (then, then))


def test_a_run_is_given_time_to_open(opened, uri: str):
    tracker = opened()
    tracker._sender._delivery._lock.close()
    run = find_run(uri, tracker.run_id)
    assert is_going_on(run)
    assert run.folder is not None
    _touched(run.folder / "events.jsonl", seconds_ago=60)
    assert not is_going_on(run)
    elsewhere = run._replace(tags={**run.tags, "host": "elsewhere"})
    assert is_going_on(elsewhere)
    _touched(run.folder / "events.jsonl", seconds_ago=3600)
    assert not is_going_on(elsewhere)
    tracker.finish("KILLED")


def test_without_its_folder_the_process_tells(opened, uri: str):
    with opened() as tracker:
        run = find_run(uri, tracker.run_id)._replace(folder=None)
        assert is_going_on(run)
        gone = run._replace(tags={**run.tags, "pid": str(2**22 + 1)})
        assert not is_going_on(gone)
        assert is_going_on(gone._replace(tags={**gone.tags, "host": "elsewhere"}))
    close_killed(uri, gone)
    assert find_run(uri, tracker.run_id).status == "KILLED"
