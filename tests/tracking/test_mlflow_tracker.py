import json
import os
import signal
import threading
import time
from functools import partial
from pathlib import Path

import pytest
from support.processes import wait_until

from star.errors import TrackingError
from star.tracking import mlflow_tracker
from star.tracking.sender import Sender
from star.tracking.spool import read_spool, unsent_events
from star.tracking.store import client


def _history(uri: str, run_id: str, key: str) -> list[tuple[int, float]]:
    return [(point.step, point.value) for point in client(uri).get_metric_history(run_id, key)]


def test_everything_is_read_back(opened, outputs: Path, uri: str, capfd):
    picture = outputs / "curve.txt"
    picture.write_text("curve")
    with opened(
        "star_seed0",
        params={"backbone": {"layers": [3, 4]}, "R@1": "x" * 7000},
        tags={"study": "mine", "seed": 0, "overrides": "y" * 9000},
        parent_run_id="0" * 32,
    ) as tracker:
        for step in range(250):
            tracker.log_metrics({"loss/total": 1 / (step + 1), "rate/head": 0.1}, step)
        tracker.log_metrics({"final/i2v/mAP": 55.0, "R@1": 1.0}, 250)
        tracker.log_tags({"checkpoint": "last.safetensors"})
        tracker.log_artifact(picture, "ranking")
    run = client(uri).get_run(tracker.run_id)
    assert run.info.run_name == "star_seed0"
    assert run.info.status == "FINISHED"
    assert run.data.params["backbone.layers"] == "[3, 4]"
    assert run.data.params["R_1"].endswith("[cut, 7000 characters]")
    assert run.data.tags["study"] == "mine"
    assert run.data.tags["overrides"].endswith("[cut, 9000 characters]")
    assert run.data.tags["checkpoint"] == "last.safetensors"
    assert run.data.tags["mlflow.parentRunId"] == "0" * 32
    assert run.data.tags["mlflow.source.name"] == "star-train"
    assert run.data.tags["run_folder"] == str(outputs / "runs" / "star_seed0")
    assert _history(uri, tracker.run_id, "loss/total") == [(step, 1 / (step + 1)) for step in range(250)]
    assert run.data.metrics["final/i2v/mAP"] == 55.0 and run.data.metrics["R_1"] == 1.0
    artifact = outputs / "artifacts" / tracker.run_id / "artifacts" / "ranking" / "curve.txt"
    assert artifact.read_text() == "curve"
    printed = capfd.readouterr()
    assert printed.out == "" and printed.err == ""


def test_points_reach_the_store_during_the_run(opened, uri: str, monkeypatch: pytest.MonkeyPatch):
    """As soon as there are 21 events; that the run was opened is the first."""
    monkeypatch.setattr(mlflow_tracker, "Sender", partial(Sender, flush_seconds=600.0))
    with opened(flush_every=21) as tracker:
        for step in range(20):
            tracker.log_metrics({"loss/total": 1.0}, step)
        wait_until(lambda: len(_history(uri, tracker.run_id, "loss/total")) == 20, seconds=5)


def test_nan_and_infinity_do_not_stop_it(opened, uri: str):
    with opened() as tracker:
        tracker.log_metrics({"a": float("nan"), "b": float("inf")}, 0)
        tracker.log_metrics({"a": 1.0}, 1)
    assert _history(uri, tracker.run_id, "a")[1] == (1, 1.0)


def test_a_failing_run_is_failed_and_has_its_traceback(opened, outputs: Path, uri: str):
    with pytest.raises(ZeroDivisionError), opened() as tracker:
        tracker.log_metrics({"loss/total": 1.0}, 0)
        _ = 1 / 0
    assert client(uri).get_run(tracker.run_id).info.status == "FAILED"
    assert _history(uri, tracker.run_id, "loss/total") == [(0, 1.0)]
    text = (outputs / "artifacts" / tracker.run_id / "artifacts" / "traceback.txt").read_text()
    assert "ZeroDivisionError" in text and "_ = 1 / 0" in text


@pytest.mark.parametrize(
    ("error", "status"),
    [(KeyboardInterrupt(), "KILLED"), (SystemExit(0), "FINISHED"), (SystemExit("no data"), "FAILED")],
)
def test_other_ends(opened, uri: str, error: BaseException, status: str):
    with pytest.raises(type(error)), opened() as tracker:
        raise error
    assert client(uri).get_run(tracker.run_id).info.status == status


def test_sigterm_is_killed_and_the_handler_comes_back(opened, uri: str):
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(SystemExit) as caught, opened() as tracker:
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(5)
    assert caught.value.code == 128 + signal.SIGTERM
    assert signal.getsignal(signal.SIGTERM) is before
    assert client(uri).get_run(tracker.run_id).info.status == "KILLED"


def test_it_works_off_the_main_thread(opened, uri: str):
    ids = []

    def job() -> None:
        with opened() as tracker:
            ids.append(tracker.run_id)

    thread = threading.Thread(target=job)
    thread.start()
    thread.join()
    assert client(uri).get_run(ids[0]).info.status == "FINISHED"


def test_a_resumed_run_has_no_point_twice(opened, outputs: Path, uri: str):
    with pytest.raises(KeyboardInterrupt), opened() as first:
        for step in range(30):
            first.log_metrics({"loss/total": float(step)}, step)
        raise KeyboardInterrupt
    with opened(run_id=first.run_id, params={"seed": 1}, tags={"resumed_from": "step 20"}) as second:
        assert second.run_id == first.run_id
        second.log_tags({"note": "again"})
        wait_until(lambda: client(uri).get_run(first.run_id).info.status == "RUNNING", seconds=15)
        for step in range(20, 50):
            second.log_metrics({"loss/total": float(step), "new": 1.0}, step)
    run = client(uri).get_run(first.run_id)
    assert run.info.status == "FINISHED"
    assert run.data.params["seed"] == "0" and run.data.tags["resumed_from"] == "step 20"
    assert _history(uri, first.run_id, "loss/total") == [(step, float(step)) for step in range(50)]
    assert len(_history(uri, first.run_id, "new")) == 30


def test_a_run_resumed_in_another_folder_asks_the_store(opened, outputs: Path, uri: str):
    with opened() as first:
        for step in range(10):
            first.log_metrics({"loss/total": float(step)}, step)
    with opened(run_id=first.run_id, spool=outputs / "runs" / "elsewhere" / "events.jsonl") as second:
        for step in range(5, 15):
            second.log_metrics({"loss/total": float(step)}, step)
    assert [step for step, _ in _history(uri, first.run_id, "loss/total")] == list(range(15))


def test_a_run_resumed_in_another_folder_sends_what_the_first_one_kept(opened, outputs: Path, uri: str):
    with pytest.raises(KeyboardInterrupt), opened() as first:
        for step in range(10):
            first.log_metrics({"loss/total": float(step)}, step)
        raise KeyboardInterrupt
    kept = {"event": "metrics", "time": time.time_ns() // 1_000_000, "step": 10, "values": {"loss/total": 10.0}}
    with open(outputs / "runs" / "star_seed0" / "events.jsonl", "a") as spool:
        spool.write(json.dumps(kept) + "\n")
    with opened(run_id=first.run_id, spool=outputs / "runs" / "elsewhere" / "events.jsonl") as second:
        for step in range(5, 15):
            second.log_metrics({"loss/total": float(step)}, step)
    assert [step for step, _ in _history(uri, first.run_id, "loss/total")] == list(range(15))
    assert client(uri).get_run(first.run_id).data.tags["run_folder"].endswith("elsewhere")


def test_resuming_an_unknown_run(opened):
    with pytest.raises(TrackingError, match="has no run f{32}"):
        opened(run_id="f" * 32)


def test_resuming_a_deleted_run(opened, uri):
    with opened() as tracker:
        pass
    client(uri).delete_run(tracker.run_id)
    restore = f"`MLFLOW_TRACKING_URI={uri} mlflow runs restore --run-id {tracker.run_id}`"
    with pytest.raises(TrackingError, match=f"was deleted: restore it with {restore}"):
        opened(run_id=tracker.run_id)


def test_a_run_going_on_cannot_be_resumed(opened):
    with opened() as tracker, pytest.raises(TrackingError, match="still going on"):
        opened(run_id=tracker.run_id)


def test_a_store_that_dies_costs_the_run_nothing(opened, outputs: Path, uri: str, monkeypatch, caplog):
    """The store is taken away between opening and the end; the run goes on and keeps its numbers."""
    monkeypatch.setattr("star.tracking.sender.RETRY_SECONDS", (0.01,))
    tracker = opened(flush_every=1)
    (outputs / "mlflow.db").rename(outputs / "away.db")
    (outputs / "mlflow.db").mkdir()
    with tracker:
        start = time.perf_counter()
        for step in range(200):
            tracker.log_metrics({"loss/total": float(step)}, step)
        assert time.perf_counter() - start < 1
    path = outputs / "runs" / "star_seed0" / "events.jsonl"
    assert sum(event["event"] == "metrics" for event, _ in read_spool(path)) == 200
    assert unsent_events(path) > 0
    assert "are kept in" in caplog.text


def test_calls_after_the_end_are_told_and_ignored(opened, caplog):
    tracker = opened()
    tracker.finish("FINISHED")
    tracker.finish("FAILED")
    tracker.log_metrics({"loss/total": 1.0}, 0)
    assert "the run has ended" in caplog.text
