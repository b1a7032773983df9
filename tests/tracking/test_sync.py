"""`star-sync` sends what ended runs kept while their store was away."""

import re
from pathlib import Path

import pytest

from star.errors import TrackingError
from star.tracking.null_tracker import NullTracker
from star.tracking.spool import unsent_events, write_acknowledged
from star.tracking.store import client
from star.tracking.sync import sync


def _steps(uri: str, run_id: str) -> list[int]:
    return [point.step for point in client(uri).get_metric_history(run_id, "loss/total")]


@pytest.fixture
def kept(opened, outputs: Path) -> list[tuple[str, Path]]:
    """Ids and spools of two runs whose acknowledgements are lost; a third run has no store."""
    runs = []
    for name in ("a", "b"):
        with opened(name) as tracker:
            for step in range(30):
                tracker.log_metrics({"loss/total": float(step)}, step)
        write_acknowledged(tracker._spool.path, 0)
        runs.append((tracker.run_id, tracker._spool.path))
    spool = outputs / "runs" / "none" / "events.jsonl"
    with NullTracker(experiment="star", run_name="n", params={}, tags={}, spool=spool):
        pass
    return runs


def test_everything_is_sent_once_and_in_order(kept, outputs: Path, uri: str):
    assert sync(outputs) == "sent 64 events of 2 of 3 runs"
    for run_id, spool in kept:
        assert _steps(uri, run_id) == list(range(30))
        assert unsent_events(spool) == 0
    assert sync(outputs) == "nothing to send (runs looked at: 3)"


def test_only_the_runs_asked_for(kept, outputs: Path):
    assert sync(outputs, runs=[kept[0][1].parent]) == "sent 32 events of 1 of 1 run"
    assert [unsent_events(spool) for _, spool in kept] == [0, 32]
    with pytest.raises(TrackingError, match=re.escape(f"no run's record (events.jsonl) in {outputs}")):
        sync(outputs, runs=[outputs])


def test_a_store_that_is_still_away_keeps_nothing_from_the_others(kept, outputs: Path, uri: str):
    other = kept[0][1].read_text().replace(uri, "http://127.0.0.1:9")
    kept[0][1].write_text(other)
    with pytest.raises(TrackingError, match=r"sent 32 events of 1 of 3 runs; 1 kept what they have: .*127\.0\.0\.1:9"):
        sync(outputs)
    assert [unsent_events(spool) for _, spool in kept] == [32, 0]
