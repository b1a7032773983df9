"""The main job through its commands: sweep, tracking, skip, failure, evaluation, resume, errors."""

from __future__ import annotations

import re
import shutil
import sqlite3
import subprocess
from pathlib import Path

import numpy as np
import pytest
from support.commands import Command

from star.engine.checkpoint import load_checkpoint, save_checkpoint
from star.engine.run import _is_complete
from star.errors import CheckpointError
from star.evaluation.per_query import read_per_query
from star.tracking.runs import RunRecord, study_runs
from star.tracking.store import store_uri

PYNATIVE = ("hardware.mode=pynative",)
"""Spares the compilation, which for so few steps takes longer than they do."""


def runs_of(outputs: Path, study: str) -> dict[str, RunRecord]:
    return {run.name: run for run in study_runs(store_uri(None, outputs), study)}


@pytest.fixture(scope="module")
def sweep(command: Command, small: tuple[str, ...]) -> subprocess.CompletedProcess[str]:
    """Baseline and STAR."""
    return command("train", "-m", "experiment=baseline,star", "seed=0", "study=sweep", *small, *PYNATIVE)


@pytest.fixture(scope="module")
def runs(sweep: subprocess.CompletedProcess[str], outputs: Path) -> dict[str, RunRecord]:
    assert sweep.returncode == 0, sweep.stdout
    return runs_of(outputs, "sweep")


def test_a_sweep_trains_and_tracks_every_job(runs: dict[str, RunRecord], outputs: Path):
    assert runs.keys() == {"baseline-seed0", "star-seed0"}
    for run in runs.values():
        assert run.status == "FINISHED"
        assert {"final/i2v/mAP", "final/v2i/mAP", "final/i2v/R1", "final/i2v/mINP", "loss/total"} <= run.metrics.keys()
        assert {"rate/backbone", "rate/head", "throughput/clips_per_s", "best_on_test/i2v/mAP"} <= run.metrics.keys()
        assert run.metrics["final/i2v/valid_queries"] == 6
        assert {"fingerprint", "protocol", "clip", "device", "overrides", "seed", "checkpoint"} <= run.tags.keys()
        assert run.tags["group.backbone"] == "tiny"
        assert len(run.params) <= 60
    assert "loss/joints_bones" in runs["star-seed0"].metrics
    assert "loss/joints_bones" not in runs["baseline-seed0"].metrics
    assert runs["star-seed0"].tags["fingerprint"] != runs["baseline-seed0"].tags["fingerprint"]


def test_the_jobs_are_children_of_one_parent(runs: dict[str, RunRecord], outputs: Path):
    with sqlite3.connect(outputs / "mlflow.db") as database:
        query = "SELECT run_uuid, value FROM tags WHERE key = 'mlflow.parentRunId'"
        parents = dict(database.execute(query).fetchall())
    assert {parents[run.run_id] for run in runs.values()} == {next(iter(parents.values()))}


def test_a_run_leaves_its_artifacts(runs: dict[str, RunRecord], outputs: Path):
    for run in runs.values():
        kept = {path.name for path in (outputs / "artifacts").rglob(f"{run.run_id}/artifacts/*")}
        assert kept >= {
            *("config.yaml", "fingerprint.json", "train.log", "scores.json", "last.json"),
            *("cmc.png", "ranked_list_i2v.png", "ranked_list_v2i.png", "per_query.csv"),
        }


def test_the_scores_come_out_of_the_per_query_record(runs: dict[str, RunRecord]):
    for run in runs.values():
        assert run.folder is not None
        for direction, queries in read_per_query(run.folder / "per_query.csv").items():
            for score in ("R1", "mAP", "mINP"):
                mean = 100 * float(np.mean(queries.values(score)[queries.valid]))
                assert mean == pytest.approx(run.metrics[f"final/{direction}/{score}"], abs=1e-9)


def test_a_finished_job_is_shown_and_not_repeated(
    command: Command, small: tuple[str, ...], runs: dict[str, RunRecord], outputs: Path, tmp_path: Path
):
    """From the same frames in one file too."""
    pack = tmp_path / "tiny.pack"
    packed = command("pack", *(item for item in small if item.startswith("dataset.root=")), f"pack.out={pack}")
    assert packed.returncode == 0, packed.stdout
    for read_from in ([], ["dataset.root=null", f"dataset.pack={pack}"]):
        again = command("train", "experiment=star", "study=other", *small, *PYNATIVE, *read_from)
        assert again.returncode == 0, again.stdout
        assert "finished before, not repeated" in again.stdout
        assert runs["star-seed0"].run_id in again.stdout
    resumed = command("train", f"resume={runs['star-seed0'].folder}")
    assert resumed.returncode == 0, resumed.stdout
    assert "finished before, nothing is left to go on with" in resumed.stdout and "epoch" not in resumed.stdout
    now = runs_of(outputs, "sweep")
    assert now.keys() == runs.keys() and now["star-seed0"].metrics == runs["star-seed0"].metrics
    assert now["star-seed0"].status == "FINISHED"
    assert runs_of(outputs, "other")["star-seed0"].run_id == runs["star-seed0"].run_id


def test_a_finished_run_is_left_alone_unless_its_last_weights_can_be_made_again(
    runs: dict[str, RunRecord], tmp_path: Path
):
    copy = shutil.copytree(str(runs["star-seed0"].folder), tmp_path / "run")
    assert _is_complete(copy)
    for tensors in (copy / "checkpoints").glob("last-*.safetensors"):
        tensors.write_bytes(tensors.read_bytes()[:-1])
    with pytest.raises(CheckpointError, match="no usable checkpoint: .*does not have the checksum"):
        _is_complete(copy)
    shutil.rmtree(copy / "checkpoints")
    assert _is_complete(copy)


def test_star_evaluate_gives_the_run_s_own_scores(command: Command, runs: dict[str, RunRecord], outputs: Path):
    run = runs["star-seed0"]
    assert run.folder is not None
    record = run.folder / "per_query.csv"
    before = record.read_text()
    record.unlink()
    answer = command("evaluate", f"run={run.run_id[:10]}", "--per-query", "--views", "3")
    assert answer.returncode == 0, answer.stdout
    views = sorted((run.folder / "views").iterdir())
    assert [path.name.split("_")[0] for path in views] == ["gallery", "gallery", "query"]
    assert {f"view: {path}" for path in views} <= set(answer.stdout.splitlines())
    kept = (outputs / "artifacts").rglob(f"{run.run_id}/artifacts/views/*.png")
    assert {path.name for path in kept} == {path.name for path in views}
    assert f"written: {record}" in answer.stdout and record.read_text() == before
    assert "identical to the scores of the run" in answer.stdout
    assert f"mAP {run.metrics['final/i2v/mAP']:.2f}" in answer.stdout


def test_other_weights_are_not_called_identical(command: Command, runs: dict[str, RunRecord], tmp_path: Path):
    copy = shutil.copytree(str(runs["baseline-seed0"].folder), tmp_path / "run")
    tensors, state = load_checkpoint(copy / "checkpoints", "last")
    state["scores"]["i2v/mAP"] += 0.5
    save_checkpoint(copy / "checkpoints", "last", tensors, state)
    (copy / "per_query.csv").unlink()
    answer = command("evaluate", f"run={copy}", "--per-query", "--views", "1")
    assert "no views are drawn: this network has no graph attention" in answer.stdout
    assert not (copy / "views").exists()
    assert "NOT the scores of the run: i2v/mAP" in answer.stdout
    assert "per_query.csv is not written" in answer.stdout and not (copy / "per_query.csv").exists()


def test_the_others_go_on_when_one_job_fails(command: Command, small: tuple[str, ...], outputs: Path):
    sweep = command(
        "train", "-m", "loss.triplet.weight=3e38,1", "experiment=baseline", "study=fails", *small, *PYNATIVE
    )
    assert sweep.returncode == 1
    # Where the processor rounds otherwise, the first step's loss stays below float32's end and the second's does not.
    assert re.search(r"baseline seed 0 failed, the sweep goes on: step [01]: loss terms? .+ not finite", sweep.stdout)
    found = study_runs(store_uri(None, outputs), "fails")
    assert [run.status for run in found] == ["FAILED", "FINISHED"]
    (traceback,) = (outputs / "artifacts").rglob(f"{found[0].run_id}/artifacts/traceback.txt")
    assert "NonFiniteLossError" in traceback.read_text()


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        (["foo=1"], "foo: given 1, expected no such key"),
        (["seed=a"], "seed: given 'a', expected an integer"),
        (["dataset.root=no/such/folder"], "dataset.root: given no/such/folder, expected an existing folder"),
        (["schedule.identities=40"], "40"),
        (["tracker.uri=sqlite:////proc/no.db"], "/proc/no.db"),
        (["resume=nothing"], "resume: given nothing, expected a run folder"),
    ],
)
def test_wrong_input_ends_with_one_sentence(
    command: Command, small: tuple[str, ...], tmp_path: Path, overrides: list[str], expected: str
):
    answer = command("train", "experiment=baseline", *small, *overrides, into=tmp_path)
    assert answer.returncode == 1
    assert expected in answer.stdout
    assert "Traceback" not in answer.stdout
    assert not list(tmp_path.glob("**/checkpoints"))


def test_frames_and_skeletons_that_cannot_be_used_are_named(
    command: Command, small: tuple[str, ...], tiny_root: Path, tmp_path: Path
):
    root = tmp_path / "data"
    shutil.copytree(tiny_root, root)
    for path in (root / "Train").rglob("*.jpg"):
        path.write_bytes(path.read_bytes()[:-40])
    here = (*small, f"dataset.root={root}")
    stopped = command("train", "experiment=baseline", *here, into=tmp_path)
    assert stopped.returncode == 1
    assert str(root / "Train") in stopped.stdout and "end-of-image" in stopped.stdout
    assert "dataset.on_bad_frame=skip" in command("check", *here, into=tmp_path).stdout
    (root / "dataset-train.h5").unlink()
    (root / "dataset-test.h5").unlink()
    without = command("train", "experiment=star", *here, into=tmp_path)
    assert without.returncode == 1
    assert "no skeletons" in without.stdout and "star-skeletons" in without.stdout
