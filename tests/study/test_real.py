"""star-study with the real star-train on a data set small enough for seconds; launchers of Hydra among the slow."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from support.commands import start
from support.fork_server import run_forked
from support.real_studies import assert_continued, going_with_a_checkpoint, runs_in, write_study
from support.tiny_vcm import write_tiny_vcm

from star.study.launcher import is_installed
from star.tracking.runs import RunRecord

STATUS_WITHOUT_MINDSPORE = "import sys; sys.modules['mindspore'] = None; from star.cli.study import study; study()"
Real = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_vcm(tmp_path_factory.mktemp("tiny"), skeletons=False).root


@pytest.fixture
def study(tmp_path: Path) -> Callable[..., Path]:
    return partial(write_study, tmp_path)


@pytest.fixture
def star(tmp_path: Path) -> Real:
    """Run a command to its end; both streams are in `stdout`."""

    def run(name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        process = start(name, arguments, tmp_path)
        text, _ = process.communicate(timeout=600)
        return subprocess.CompletedProcess(arguments, process.returncode, text)

    return run


def test_a_study_from_nothing_to_its_table(study, root: Path, tmp_path: Path):
    def star(name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        return run_forked(name, arguments, tmp_path)

    folder = study(1, 0, rows=1)
    done = star("study", "run", str(folder), f"dataset.root={root}")
    assert done.returncode == 0, done.stdout
    assert "1 of 1 finished" in done.stdout
    (run,) = runs_in(tmp_path).values()
    assert run.status == "FINISHED" and run.tags["mlflow.parentRunId"]
    assert run.folder is not None and "epoch 1/1" in (run.folder / "console.log").read_text()
    status = subprocess.run(
        [sys.executable, "-c", STATUS_WITHOUT_MINDSPORE, "status", str(folder)],
        env={**os.environ, "STAR_OUTPUTS": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert status.returncode == 0, status.stderr
    assert f"{run.metrics['final/i2v/mAP']:.2f}" in status.stdout and "1 finished" in status.stdout
    assert star("study", "run", str(folder), f"dataset.root={root}").stdout.count("before") == 1
    report = star("report", str(folder), "--no-page")
    assert run.run_id in report.stdout and "Missing" not in report.stdout


def _installed(launcher: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(not is_installed(launcher), reason=f"{launcher} is not installed")


def _place(run: RunRecord) -> tuple[str, bool]:
    """Seed and row of a run of the study with two rows."""
    return run.tags["seed"], "aggregation.power=1.0" in run.tags["overrides"].split()


LAUNCHERS = [pytest.param(name, marks=_installed(name)) for name in ("joblib", "submitit_local")]


@pytest.mark.slow
@pytest.mark.parametrize("launcher", LAUNCHERS)
def test_hydra_s_launchers_train_the_same_study(launcher: str, study, star: Real, root: Path, tmp_path: Path):
    folder = study(1, 0, 1)
    assert star("study", "run", str(folder), f"dataset.root={root}").returncode == 0
    here = {_place(run): run.metrics for run in runs_in(tmp_path).values()}
    assert len(here) == 4
    (tmp_path / "mlflow.db").unlink()
    done = star("study", "run", str(folder), f"dataset.root={root}", "--launcher", launcher, "--jobs", "2")
    assert done.returncode == 0, done.stdout
    assert "4 of 4 finished" in done.stdout
    runs = runs_in(tmp_path).values()
    assert len({run.tags["mlflow.parentRunId"] for run in runs}) == 1
    assert len({run.tags["pid"] for run in runs}) > 1
    for run in runs:
        scores = {name: value for name, value in run.metrics.items() if name.startswith("final/")}
        assert scores == {name: here[_place(run)][name] for name in scores}


@pytest.mark.slow
@pytest.mark.parametrize("with_study", [False, True])
@pytest.mark.parametrize("launcher", [None, *LAUNCHERS])
def test_a_killed_run_is_continued(
    launcher: str | None, with_study: bool, study, star: Real, root: Path, tmp_path: Path
):
    folder = study(8, 0, rows=1)
    arguments = ["run", str(folder), f"dataset.root={root}", *(["--launcher", launcher] if launcher else [])]
    process = start("study", tuple(arguments), tmp_path)
    run = going_with_a_checkpoint(process, tmp_path)
    if with_study:
        process.kill()
    os.kill(int(run.tags["pid"]), signal.SIGKILL)
    text, _ = process.communicate(timeout=600)
    if not with_study:
        assert process.returncode == 1, text
        assert runs_in(tmp_path)[run.run_id].status == "KILLED"
    done = star("study", *arguments)
    while "is being run by" in done.stdout:  # what the killed study has started holds its lock to its own end
        time.sleep(1)
        done = star("study", *arguments)
    assert done.returncode == 0, done.stdout
    assert_continued(run, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGUSR1, signal.SIGUSR2])
@_installed("submitit_local")
def test_a_job_put_into_the_queue_again_continues_its_own_run(
    number: signal.Signals, study, root: Path, tmp_path: Path
):
    arguments = ("run", str(study(8, 0, rows=1)), f"dataset.root={root}", "--launcher", "submitit_local")
    process = start("study", arguments, tmp_path)
    run = going_with_a_checkpoint(process, tmp_path)
    os.kill(int(run.tags["pid"]), number)
    text, _ = process.communicate(timeout=600)
    assert process.returncode == 0, text
    assert_continued(run, tmp_path)
    assert run.folder is not None and f"stopped by {number.name}" in (run.folder / "train.log").read_text()
    assert runs_in(tmp_path)[run.run_id].tags["pid"] != run.tags["pid"]
