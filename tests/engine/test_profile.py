"""The report of `debug=profile`, of a run and of a known trace."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from support.commands import Command

from star.engine.profile import Operator, StepProfile, read_operators
from star.engine.time_shares import TimeShares
from star.tracking.runs import study_runs
from star.tracking.store import store_uri


def write_trace(folder: Path) -> None:
    folder.mkdir(parents=True)
    events = [
        {"ph": "M", "name": "process_name", "pid": 2, "args": {"name": "CPU OP"}},
        {"ph": "M", "name": "process_name", "pid": 3, "args": {"name": "Scope Layer"}},
        {"ph": "X", "name": "Default/net/Conv2D-op0", "pid": 2, "ts": "1.5", "dur": 2000.0},
        {"ph": "X", "name": "Default", "pid": 3, "ts": "1.5", "dur": 9000.0},
        {"ph": "X", "name": "Gradients/Default/Conv2D-op12", "pid": 2, "ts": "9", "dur": 500.0},
        {"ph": "X", "name": "ReLU", "pid": 2, "ts": "20", "dur": "250"},
    ]
    (folder / "trace_view.json").write_text(json.dumps(events))


def test_operators_of_a_trace_are_summed_by_kind(tmp_path: Path):
    write_trace(tmp_path / "some" / "where")
    assert read_operators(tmp_path) == [Operator("Conv2D", 2, 2.5), Operator("ReLU", 1, 0.25)]
    assert read_operators(tmp_path / "nowhere") == []


def test_time_is_counted_for_the_part_it_went_to(monkeypatch: pytest.MonkeyPatch):
    now = iter(range(0, 100, 5))
    monkeypatch.setattr("time.perf_counter", lambda: next(now))
    shares = TimeShares()
    with shares.of("step"):
        pass
    assert list(shares.waiting("loader", "ab")) == ["a", "b"]
    assert shares.seconds == {"step": 5, "loader": 15}
    assert shares.total == 45


def test_training_shorter_than_the_warm_up_has_no_operators(tmp_path: Path):
    write_trace(tmp_path / "profile" / "of an earlier call")
    report = StepProfile(tmp_path, 3, {"batch": "8 clips"}).report(TimeShares()).read_text()
    assert "- batch: 8 clips" in report and "No operators: training had 0 steps" in report


def test_a_run_leaves_tables_and_trace(command: Command, small: tuple[str, ...], tmp_path: Path):
    done = command(
        *("train", "experiment=baseline", "debug=profile", "debug.profile_steps=1", "hardware.mode=pynative"),
        *("study=profile", *small),
        into=tmp_path,
    )
    assert done.returncode == 0, done.stdout
    (run,) = study_runs(store_uri(None, tmp_path), "profile")
    assert run.folder is not None
    report = (run.folder / "profile.md").read_text()
    parts = dict(re.findall(r"^\| (\w[\w ]*) \| [\d.]+ \| ([\d.]+)% \|$", report, re.MULTILINE))
    assert {"loader", "step", "tracker", "evaluation", "checkpoint", "everything else"} <= parts.keys()
    assert sum(float(parts[name]) for name in parts) == pytest.approx(100, abs=0.5)
    assert "costliest kinds of operators in 1 steps after the first two" in report
    operators = re.findall(r"^\| (\w+) \| ([\d.]+) \| ([\d.]+) \| ([\d.]+)% \|$", report, re.MULTILINE)
    names = {name for name, *_ in operators}
    measured = [operator.name for operator in read_operators(run.folder / "profile")]
    assert names == set(measured[:10]) and len(names) == 10
    assert {"Conv2D", "Conv2DBackpropFilter", "BatchNorm"} <= set(measured) and "Default" not in measured
    assert list((tmp_path / "artifacts").rglob("profile.md"))
    assert list((run.folder / "profile").rglob("trace_view.json"))
