"""`star-export mlflow=true`: the model is one of the run's and answers to its example, here and from a command."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import mlflow
import numpy as np
import pytest

import star
from star.export.log_model import example_input
from star.inference.model import Model
from star.tracking.store import client

pytestmark = pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy:DeprecationWarning")  # of MLflow 3.17


@pytest.fixture(scope="module")
def model(exported: Any) -> Model:
    return star.load(exported.folder / "model.onnx")


@pytest.fixture(scope="module")
def address(exported: Any) -> str:
    line = exported.said.splitlines()[-1]
    assert line.startswith(f"stored in MLflow as a model of run {exported.run_id}: models:/")
    return line.rpartition(" ")[2]


def expected_features(model: Model) -> np.ndarray:
    features = []
    for row in example_input(model.description).to_dict("records"):
        frames = [base64.b64decode(frame) for frame in row["frames"]]
        features.append(model.embed([frames], row["modality"]))
    return np.concatenate(features)


def test_the_model_is_one_of_the_run_s(exported: Any, address: str, model: Model):
    store = client(exported.uri)
    run = store.get_run(exported.run_id)
    assert run.info.status == "FINISHED"
    assert run.outputs is not None
    assert [f"models:/{output.model_id}" for output in run.outputs.model_outputs] == [address]
    entry = store.get_logged_model(address.removeprefix("models:/"))
    assert (entry.name, entry.source_run_id, entry.status.name) == ("model", exported.run_id, "READY")
    assert entry.tags["fingerprint"] == model.fingerprint


@pytest.fixture
def store(exported: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """MLflow's own functions go to the run's store."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", exported.uri)
    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(exported.uri)
    yield
    mlflow.set_tracking_uri(before)


def test_the_environment_is_left_as_it_was(address: str):
    assert address and "MLFLOW_TRACKING_URI" not in os.environ


@pytest.mark.usefixtures("store")
def test_the_stored_model_answers_to_its_example(address: str, model: Model):
    answer = mlflow.pyfunc.load_model(address).predict(example_input(model.description))
    np.testing.assert_allclose(np.stack(answer["features"]), expected_features(model), rtol=0, atol=1e-6)


@pytest.mark.slow
def test_mlflow_models_predict_works_without_a_network(exported: Any, address: str, model: Model, tmp_path: Any):
    given = tmp_path / "clips.json"
    given.write_text(json.dumps({"dataframe_records": example_input(model.description).to_dict("records")}))
    command = [sys.executable, "-m", "mlflow", "models", "predict", "--model-uri", address, "--input-path", str(given)]
    nowhere = {name: "http://127.0.0.1:9" for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY")}
    done = subprocess.run(
        [*command, "--env-manager", "local"],
        env=os.environ | nowhere | {"MLFLOW_TRACKING_URI": exported.uri},
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout.splitlines()[-1])["predictions"]
    np.testing.assert_allclose([row["features"] for row in answer], expected_features(model), rtol=0, atol=1e-6)
