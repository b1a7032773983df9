"""The sender against a store that fails at chosen calls."""

from collections.abc import Callable
from pathlib import Path

import pytest
from mlflow import MlflowClient
from support.processes import wait_until

from star.errors import TrackingError
from star.tracking.null_tracker import NullTracker
from star.tracking.sender import Delivery, replay
from star.tracking.spool import read_acknowledged, unsent_events, write_acknowledged
from star.tracking.store import client


class FlakyClient(MlflowClient):
    """Passes calls on to a real client; `fails` decides per call, before or after it took effect."""

    def __init__(self, real: MlflowClient, fails: Callable[[int], str | None]):
        self._real, self._fails, self.calls = real, fails, 0

    def log_batch(self, *args, **kwargs):
        return self._call(self._real.log_batch, args, kwargs)

    def set_terminated(self, *args, **kwargs):
        return self._call(self._real.set_terminated, args, kwargs)

    def get_run(self, run_id):
        return self._real.get_run(run_id)

    def _call(self, method, args, kwargs):
        self.calls += 1
        when = self._fails(self.calls)
        if when == "before":
            raise ConnectionError("the store is away")
        result = method(*args, **kwargs)
        if when == "after":
            raise ConnectionError("the answer is lost")
        return result


def _steps(uri: str, run_id: str, key: str = "loss/total") -> list[int]:
    return [point.step for point in client(uri).get_metric_history(run_id, key)]


def _broken_run(opened, monkeypatch, fails, points: int = 2600) -> tuple[str, Path]:
    """A run whose sender meets failures; its id and spool."""
    monkeypatch.setattr("star.tracking.sender.RETRY_SECONDS", (0.01,))
    flaky = []

    def delivery(mlflow_client, run_id, spool):
        flaky.append(FlakyClient(mlflow_client, fails))
        return Delivery(flaky[0], run_id, spool)

    monkeypatch.setattr("star.tracking.mlflow_tracker.Delivery", delivery)
    with opened() as tracker:
        for step in range(points):
            tracker.log_metrics({"loss/total": float(step)}, step)
        tracker.log_tags({"checkpoint": "last"})
    assert flaky[0].calls
    return tracker.run_id, tracker._spool.path


@pytest.mark.parametrize("when", ["before", "after"])
def test_replay_after_a_failure_in_the_middle_is_exactly_once_and_in_order(opened, uri, monkeypatch, when, caplog):
    run_id, spool = _broken_run(opened, monkeypatch, lambda call: when if call >= 3 else None)
    sent_before = len(_steps(uri, run_id))
    assert 0 < sent_before < 2600 or when == "after"
    assert unsent_events(spool) > 0
    assert f"are kept in {spool}" in caplog.text
    assert client(uri).get_run(run_id).info.status == "RUNNING"
    assert replay(spool) > 0
    assert _steps(uri, run_id) == list(range(2600))
    run = client(uri).get_run(run_id)
    assert run.info.status == "FINISHED" and run.data.tags["checkpoint"] == "last"
    assert replay(spool) == 0
    assert _steps(uri, run_id) == list(range(2600))


def test_a_batch_that_takes_too_long_is_sent_in_smaller_ones(opened, uri, monkeypatch):
    """The store refuses more than 300 points at a time, as one that needs too long for them does."""
    monkeypatch.setattr("star.tracking.sender.RETRY_SECONDS", (0.01, 0.01))
    with opened() as tracker:
        for step in range(900):
            tracker.log_metrics({"loss/total": float(step)}, step)
    spool = tracker._spool.path
    write_acknowledged(spool, 0)
    sizes: list[int] = []

    def log_batch(self, run_id, metrics=(), **rest):
        sizes.append(len(metrics))
        if len(metrics) > 300:
            raise ConnectionError("the request takes too long")
        return original(self, run_id, metrics=metrics, **rest)

    original = MlflowClient.log_batch
    monkeypatch.setattr(MlflowClient, "log_batch", log_batch)
    assert replay(spool) == 902
    assert max(sizes[2:]) == 250
    assert _steps(uri, tracker.run_id) == list(range(900))


def test_a_short_failure_is_retried_unseen(opened, uri, monkeypatch, caplog):
    run_id, spool = _broken_run(opened, monkeypatch, lambda call: "after" if call == 1 else None, points=50)
    assert unsent_events(spool) == 0
    assert _steps(uri, run_id) == list(range(50))
    assert not caplog.records


def test_a_lost_acknowledgement_file_does_not_double_points(opened, uri):
    with opened() as tracker:
        for step in range(1200):
            tracker.log_metrics({"loss/total": float(step), "rate/head": 0.1}, step)
    spool = tracker._spool.path
    write_acknowledged(spool, 0)
    assert replay(spool) == 1202
    assert _steps(uri, tracker.run_id) == list(range(1200))
    assert _steps(uri, tracker.run_id, "rate/head") == list(range(1200))


def test_a_refused_event_does_not_hold_up_the_rest(opened, uri, caplog):
    with opened() as tracker:
        tracker._spool.append({"event": "metrics", "time": 1, "step": 0, "values": {"R@1": 1.0}})
        tracker.log_artifact(Path("/nowhere/picture.png"))
        tracker.log_metrics({"loss/total": 1.0}, 1)
    assert "refuses" in caplog.text and "/nowhere/picture.png is gone" in caplog.text
    assert _steps(uri, tracker.run_id) == [1]
    assert unsent_events(tracker._spool.path) == 0


def test_replay_waits_for_a_run_going_on(opened):
    with opened() as tracker, pytest.raises(TrackingError, match="still going on"):
        tracker.log_metrics({"loss/total": 1.0}, 0)
        replay(tracker._spool.path)


def test_replay_says_why_it_cannot(opened, outputs: Path, tmp_path: Path):
    with pytest.raises(TrackingError, match="no record of a run"):
        replay(tmp_path / "events.jsonl")
    with NullTracker(experiment="star", run_name="a", params={}, tags={}, spool=tmp_path / "n" / "events.jsonl"):
        pass
    with pytest.raises(TrackingError, match="tracker=none"):
        replay(tmp_path / "n" / "events.jsonl")
    with opened() as tracker:
        tracker.log_metrics({"loss/total": 1.0}, 0)
    write_acknowledged(tracker._spool.path, 0)
    (outputs / "mlflow.db").chmod(0o444)
    with pytest.raises(TrackingError, match="read-only"):
        replay(tracker._spool.path)
    assert read_acknowledged(tracker._spool.path) == 0


def test_the_sender_recovers_during_the_run(opened, uri, monkeypatch, caplog):
    """After an outage the pause ends and everything is sent while the run goes on."""
    caplog.set_level("INFO", logger="star.tracking.sender")
    monkeypatch.setattr("star.tracking.sender.LONGEST_PAUSE", 0.2)
    monkeypatch.setattr("star.tracking.sender.RETRY_SECONDS", (0.01,))
    monkeypatch.setattr(
        "star.tracking.mlflow_tracker.Delivery",
        lambda c, run_id, spool: Delivery(FlakyClient(c, lambda call: "before" if call <= 4 else None), run_id, spool),
    )
    with opened(flush_every=5) as tracker:
        for step in range(5):
            tracker.log_metrics({"loss/total": 1.0}, step)
        wait_until(lambda: bool(_steps(uri, tracker.run_id)), seconds=8)
        assert _steps(uri, tracker.run_id) == list(range(5))
    messages = [record.message for record in caplog.records]
    assert sum("does not take the numbers" in message for message in messages) == 1
    assert sum("takes the numbers again" in message for message in messages) == 1
