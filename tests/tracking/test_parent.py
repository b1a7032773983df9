"""Parents of sweeps, data sets and checkpoints as MLflow keeps them, also when their events are sent later or again."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from star.tracking.mlflow_tracker import MLflowTracker
from star.tracking.sender import replay
from star.tracking.spool import write_acknowledged
from star.tracking.store import client
from star.tracking.sweep import study_parent

Opened = Callable[..., MLflowTracker]


@pytest.fixture
def parent(outputs: Path, uri: str) -> str:
    return study_parent(uri, "star", "mine")


def child(opened: Opened, parent: str, name: str, score: float | None) -> MLflowTracker:
    """A run under a parent; without a score it fails."""
    try:
        with opened(name, parent_run_id=parent) as tracker:
            if score is None:
                raise ValueError("fails")
            tracker.log_metrics({"final/i2v/mAP": score, "final/i2v/R1": 2 * score, "loss/total": 1.0}, 10)
    except ValueError:
        pass
    return tracker


def test_a_parent_lasts_until_its_last_run_ends_and_has_their_scores(opened: Opened, parent: str, uri: str):
    mlflow_client = client(uri)
    began = mlflow_client.get_run(parent).info
    runs = [child(opened, parent, name, score) for name, score in (("a", 10.0), ("b", 30.0), ("c", None))]
    now = mlflow_client.get_run(parent)
    ends = [mlflow_client.get_run(run.run_id).info.end_time for run in runs]
    assert now.info.start_time == began.start_time and began.end_time
    assert now.info.end_time == max(end or 0 for end in ends) > began.end_time
    assert now.info.status == "FINISHED" and now.data.metrics == {
        **{"runs": 3.0, "runs_finished": 2.0, "best/i2v/mAP": 30.0, "mean/i2v/mAP": 20.0},
        **{"best/i2v/R1": 60.0, "mean/i2v/R1": 40.0},
    }
    mean = mlflow_client.get_metric_history(parent, "mean/i2v/mAP")
    assert {(point.step, point.value) for point in mean} == {(1, 10.0), (2, 20.0)}


def test_a_parent_that_is_gone_holds_up_nothing(opened: Opened, parent: str, uri: str):
    client(uri).delete_run(parent)
    run = child(opened, parent, "a", 10.0)
    assert client(uri).get_run(run.run_id).info.status == "FINISHED"
    assert replay(run._spool.path) == 0, "all was acknowledged"


def furnished(opened: Opened, outputs: Path, parent: str) -> MLflowTracker:
    with opened(parent_run_id=parent) as run:
        run.log_dataset("vcm", "abcdef0123456789" * 4, str(outputs / "数据"), {"training identities": 3})
        run.log_metrics({"final/i2v/mAP": 40.0}, 5)
        run.log_model("last", 5, ["final/i2v/mAP", "final/v2i/mAP"], {"checkpoint": "checkpoints/last.json"})
    return run


def check(uri: str, run_id: str, parent: str, outputs: Path) -> None:
    """The run has one input, one model and one parent, whose scores it makes."""
    mlflow_client = client(uri)
    run = mlflow_client.get_run(run_id)
    assert run.inputs is not None and run.outputs is not None
    (given,) = run.inputs.dataset_inputs
    assert (given.dataset.name, given.dataset.digest) == ("vcm", "abcdef012345")
    assert json.loads(given.dataset.source) == {"uri": str(outputs / "数据")}
    (output,) = run.outputs.model_outputs
    (model,) = mlflow_client.search_logged_models([run.info.experiment_id])
    assert (output.model_id, output.step) == (model.model_id, 5)
    assert (model.name, model.source_run_id, model.status) == ("star_seed0-last", run_id, "READY")
    assert model.tags["checkpoint"] == "checkpoints/last.json"
    assert [(score.key, score.value, score.step) for score in model.metrics or ()] == [("final/i2v/mAP", 40.0, 5)]
    assert len(mlflow_client.get_metric_history(run_id, "final/i2v/mAP")) == 1
    assert mlflow_client.get_run(parent).data.metrics["best/i2v/mAP"] == 40.0


def test_the_data_set_is_an_input_and_the_checkpoint_a_model_of_a_run(opened, outputs: Path, parent: str, uri: str):
    """Also once more: an acknowledgement may be lost."""
    run = furnished(opened, outputs, parent)
    check(uri, run.run_id, parent, outputs)
    write_acknowledged(run._spool.path, 0)
    assert replay(run._spool.path) == 5
    check(uri, run.run_id, parent, outputs)


def test_a_model_whose_sending_was_cut_is_completed(opened, outputs: Path, parent: str, uri: str, monkeypatch):
    from mlflow import MlflowClient

    calls: list[str] = []

    def fails_once(self, *arguments):
        calls.append("failed")
        if len(calls) == 1:
            raise ConnectionError("cut")
        return outputs_before(self, *arguments)

    outputs_before = MlflowClient.log_outputs
    monkeypatch.setattr(MlflowClient, "log_outputs", fails_once)
    run = furnished(opened, outputs, parent)
    assert len(calls) == 2
    check(uri, run.run_id, parent, outputs)


@pytest.mark.parametrize("method", ["log_inputs", "search_logged_models"])
def test_a_server_without_inputs_or_models_gets_the_rest(opened, outputs: Path, parent, uri, monkeypatch, method):
    from mlflow import MlflowClient, MlflowException
    from mlflow.protos.databricks_pb2 import ENDPOINT_NOT_FOUND

    def not_known(self, *arguments, **more):
        raise MlflowException("no such endpoint", error_code=ENDPOINT_NOT_FOUND)

    monkeypatch.setattr(MlflowClient, method, not_known)
    run = furnished(opened, outputs, parent)
    found = client(uri).get_run(run.run_id)
    assert found.info.status == "FINISHED" and found.data.metrics["final/i2v/mAP"] == 40.0
    assert found.inputs is not None and found.outputs is not None
    assert bool(found.inputs.dataset_inputs) != bool(found.outputs.model_outputs)
