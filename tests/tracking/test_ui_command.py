"""`star-ui`: what it says and what it starts."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from star.cli import ui as command
from star.errors import TrackingError
from star.tracking.interface import TAGS
from star.tracking.store import client, prepare_store, store_uri


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[tuple[list[str], str]]:
    """Commands that took the place of this one, with their current folder."""
    found: list[tuple[list[str], str]] = []
    monkeypatch.setattr(os, "execve", lambda program, arguments, _: found.append((arguments, os.getcwd())))
    return found


@pytest.mark.parametrize("name", ["outputs", "数据 50%41?x"])
def test_the_addresses_are_said_and_the_interface_started(outputs: Path, tmp_path, monkeypatch, capsys, started, name):
    folder = outputs.rename(tmp_path / name)
    monkeypatch.setenv("STAR_OUTPUTS", str(folder))
    monkeypatch.chdir(tmp_path)
    experiment = prepare_store(store_uri(None, folder), "star")
    command._ui(["--port", "5001"])
    said = capsys.readouterr().out
    runs = f"http://127.0.0.1:5001/#/experiments/{experiment}/runs?workflowType=machine_learning"
    assert f"runs by score: {runs}&viewStateShareKey=star-scores\n" in said
    assert f"charts:        {runs}&viewStateShareKey=star-scores&compareRunsMode=CHART\n" in said
    ((arguments, where),) = started
    assert Path(where) == folder and arguments[1:] == [
        *("-m", "mlflow", "server", "--backend-store-uri", "sqlite:///mlflow.db", "--workers", "1"),
        *("--host", "127.0.0.1", "--port", "5001"),
    ]


def test_an_experiment_of_earlier_gets_the_view_and_keeps_what_somebody_made_of_it(outputs: Path, monkeypatch, started):
    monkeypatch.setenv("STAR_OUTPUTS", str(outputs))
    mlflow_client = client(store_uri(None, outputs))
    ((key, value),) = TAGS.items()
    experiment = mlflow_client.create_experiment("star")
    command._ui([])
    assert mlflow_client.get_experiment(experiment).tags[key] == value
    mlflow_client.set_experiment_tag(experiment, key, "mine")
    command._ui([])
    assert mlflow_client.get_experiment(experiment).tags[key] == "mine"


def test_the_view_has_the_scores_of_both_directions():
    (value,) = TAGS.values()
    state = json.loads(json.loads(value)["state"])
    shown = {f"metrics.`final/{direction}/{score}`" for direction in ("i2v", "v2i") for score in ("R1", "mAP")}
    assert shown < set(state["selectedColumns"]) and state["orderByKey"] in shown
    assert len(value) < 5000, "the longest tag of an experiment"


def test_what_cannot_be_shown(outputs: Path, tmp_path: Path, monkeypatch, started):
    monkeypatch.setenv("STAR_OUTPUTS", str(tmp_path / "none"))
    with pytest.raises(TrackingError, match=r"no tracking store .*/none/mlflow\.db yet: train first"):
        command._ui([])
    monkeypatch.setenv("STAR_OUTPUTS", str(outputs))
    with pytest.raises(TrackingError, match="has no experiment 'other', expected one of Default"):
        command._ui(["--experiment", "other"])
    assert not (tmp_path / "none").exists() and not started
