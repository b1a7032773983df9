"""Points of metrics: SQL and MLflow's client agree, in order, and only what was asked for."""

import math

import pytest

from star.errors import TrackingError
from star.tracking import history
from star.tracking.runs import find_run


def test_sql_and_client_agree(opened, uri, monkeypatch):
    with opened() as tracker:
        for step in range(3):
            tracker.log_metrics({"loss/total": 3.0 - step, "loss/odd": math.nan if step == 1 else 1.0}, step)
        tracker.log_metrics({"i2v/mAP": 10.0, "rate/head": 0.1}, 2)
    run = find_run(uri, tracker.run_id)
    fast = history.metric_history(uri, run, ("loss/", "i2v/mAP", "absent"))
    assert fast["loss/total"] == [(0, 3.0), (1, 2.0), (2, 1.0)]
    assert fast["i2v/mAP"] == [(2, 10.0)] and list(fast) == ["i2v/mAP", "loss/odd", "loss/total"]
    assert math.isnan(fast["loss/odd"][1][1])
    monkeypatch.setattr(history, "sqlite_file", lambda uri: None)
    assert repr(history.metric_history(uri, run, ("loss/", "i2v/mAP", "absent"))) == repr(fast)


def test_a_store_that_cannot_be_read(opened, uri, outputs):
    with opened() as tracker:
        tracker.log_metrics({"loss/total": 1.0}, 0)
    run = find_run(uri, tracker.run_id)
    (outputs / "mlflow.db").write_text("not a database" * 100)
    with pytest.raises(TrackingError, match="cannot be read"):
        history.metric_history(uri, run, ("loss/",))
