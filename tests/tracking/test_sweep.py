"""The callback alone, and inside Hydra's multirun with a small application of its own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from star.tracking.parent import PARENT_TAG
from star.tracking.runs import study_runs
from star.tracking.store import client
from star.tracking.sweep import PARENT_VARIABLE, STUDY_VARIABLE, SweepCallback, parent_run, study_parent

APPLICATION = """
import os, sys
from pathlib import Path
import hydra
from star.tracking.mlflow_tracker import open_run
from star.tracking.sweep import parent_run

@hydra.main(version_base="1.3", config_path=".", config_name="app")
def main(cfg):
    if cfg.tracker.kind == "none":
        print("parent", parent_run())
        return
    folder = Path(hydra.core.hydra_config.HydraConfig.get().runtime.output_dir)
    with open_run(uri=cfg.tracker.uri, outputs=Path(cfg.outputs), experiment=cfg.tracker.experiment,
                  run_name=f"seed{cfg.seed}", params={"seed": cfg.seed}, tags={"study": cfg.study},
                  spool=folder / "events.jsonl", parent_run_id=parent_run()) as tracker:
        if cfg.seed == 1:
            raise ValueError("seed 1 fails")
        tracker.log_metrics({"loss/total": 1.0}, 0)

main()
"""
CONFIG = """
defaults: [_self_]
seed: 0
study: default
outputs: {outputs}
tracker: {{kind: mlflow, uri: null, experiment: star}}
hydra:
  run: {{dir: "{outputs}/runs/${{now:%H%M%S-%f}}"}}
  sweep: {{dir: "{outputs}/multirun"}}
  callbacks:
    sweep:
      _target_: star.tracking.sweep.SweepCallback
      outputs: {outputs}
"""


@pytest.fixture
def application(tmp_path: Path, outputs: Path, project: Path):
    (tmp_path / "app.py").write_text(APPLICATION)
    (tmp_path / "app.yaml").write_text(CONFIG.format(outputs=outputs))

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, str(tmp_path / "app.py"), *arguments],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(project), PARENT_VARIABLE: "left over"},
            timeout=120,
        )

    return run


def test_a_sweep_is_one_parent_with_its_children(application, uri: str):
    done = application("-m", "seed=0,1,2", "study=mine")
    assert done.returncode != 0 and "seed 1 fails" in done.stderr
    children = study_runs(uri, "mine")
    assert [(run.name, run.status) for run in children] == [
        ("seed0", "FINISHED"),
        ("seed1", "FAILED"),
        ("seed2", "FINISHED"),
    ]
    parents = {run.tags["mlflow.parentRunId"] for run in children}
    assert len(parents) == 1
    parent = client(uri).get_run(parents.pop())
    assert parent.info.status == "FINISHED"
    assert parent.info.run_name == "mine sweep"
    assert parent.data.tags["kind"] == "sweep" and parent.data.tags["overrides"] == "seed=0,1,2 study=mine"


def test_without_tracking_a_sweep_touches_no_store(application, outputs: Path, uri: str):
    (outputs / "mlflow.db").unlink()
    done = application("-m", "seed=0,1", "tracker.kind=none")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("parent None") == 2
    assert not (outputs / "mlflow.db").exists()


def test_a_store_that_cannot_be_used_ends_the_sweep_before_any_job(application, outputs: Path):
    (outputs / "mlflow.db").chmod(0o444)
    done = application("-m", "seed=0,1")
    assert done.returncode == 1
    assert done.stderr.startswith("error: the tracking store") and "read-only" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (outputs / "multirun").exists()


@pytest.mark.parametrize("trained", [True, False])
def test_the_parent_is_forgotten_at_the_end_and_deleted_where_nothing_was_trained(
    trained: bool, outputs: Path, uri: str, monkeypatch
):
    monkeypatch.setenv(PARENT_VARIABLE, "earlier")
    config = OmegaConf.create(
        {
            "study": "mine",
            "tracker": {"kind": "mlflow", "uri": None, "experiment": "star"},
            "hydra": {"overrides": {"task": ["seed=0,1"]}},
        }
    )
    callback = SweepCallback(outputs)
    callback.on_multirun_start(config)
    parent = parent_run()
    assert parent is not None and client(uri).get_run(parent).data.tags["study"] == "mine"
    assert study_runs(uri, "mine") == []
    if trained:
        client(uri).create_run(client(uri).get_run(parent).info.experiment_id, tags={PARENT_TAG: parent})
    callback.on_multirun_end(config)
    assert parent_run() is None
    assert client(uri).get_run(parent).info.lifecycle_stage == ("active" if trained else "deleted")


def test_all_sweeps_of_a_study_have_one_parent(application, outputs: Path, uri: str, monkeypatch):
    parent = study_parent(uri, "star", "mine")
    assert study_parent(uri, "star", "mine") == parent
    assert study_parent(uri, "star", "other") != parent
    assert study_runs(uri, "mine") == []
    monkeypatch.setenv(STUDY_VARIABLE, parent)
    for seed in (2, 3):
        assert application("-m", f"seed={seed}", "study=mine").returncode == 0
    runs = study_runs(uri, "mine")
    assert [run.name for run in runs] == ["seed2", "seed3"]
    assert {run.tags["mlflow.parentRunId"] for run in runs} == {parent}
