"""`star-stale` shows runs without a process, of all studies, and closes them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.study_bench import Bench

from star.study.stale import stale_runs
from star.tracking import liveness
from star.tracking.liveness import close_killed
from star.tracking.runs import RunRecord


def test_stale_runs_are_shown_and_closed(bench: Bench, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(liveness, "OPENING_SECONDS", 0.0)
    where = {"uri": None, "outputs": bench.outputs}
    assert stale_runs(**where) == f"no run of {bench.uri} is stale; going on: 0"
    bench.behave({"own-0": "hang", "1.0-0": "hang"})

    def act(runs: list[RunRecord]) -> None:
        assert stale_runs(**where).endswith("is stale; going on: 2")
        monkeypatch.setattr("star.study.local.close_killed", lambda uri, run: None)
        monkeypatch.setattr("star.study.runner.close_killed", lambda uri, run: None)
        for run in runs:
            os.kill(int(run.tags["pid"]), 9)

    watcher = bench.meanwhile(2, act)
    bench.run(jobs=2)
    watcher.join()
    monkeypatch.setattr("star.study.stale.close_killed", close_killed)
    text = stale_runs(**where)
    stale = [run for run in bench.runs() if run.status == "RUNNING"]
    assert len(stale) == 2
    for run in stale:
        assert run.run_id[:8] in text and f"to go on: star-train resume={run.folder}" in text
    assert "epoch 3/10" in text and "2 stale, star-stale --close ends them as KILLED; going on: 0" in text
    assert "2 closed as KILLED" in stale_runs(**where, close=True)
    assert {run.status for run in bench.runs()} == {"KILLED", "FINISHED"}
    assert "no run of" in stale_runs(**where)


def test_the_command_needs_no_mindspore(tmp_path: Path):
    code = "import sys; sys.modules['mindspore'] = None; from star.cli.stale import stale; stale()"
    done = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, "STAR_OUTPUTS": str(tmp_path)}, capture_output=True, text=True
    )
    assert done.returncode == 0 and "is stale; going on: 0" in done.stdout, done.stderr
