"""Studies with jobs in Slurm's queue, with a stand-in for Slurm's command."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.study_bench import Bench

from star.errors import StudyError
from star.study import launcher
from star.study.launcher import refuse_queued


def squeue(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    (folder / "squeue").write_text(f"#!/bin/sh\n{script}\n")
    (folder / "squeue").chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))


def test_an_empty_queue_is_none_of_its_business(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    squeue(tmp_path, monkeypatch, "true")
    refuse_queued("small")


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("echo 7_1; echo 8", r"jobs of this study \(7_1, 8\).*scancel --name=small"),
        ("echo no controller >&2; exit 1", "cannot be read: no controller"),
    ],
)
def test_jobs_or_no_answer(script: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    squeue(tmp_path, monkeypatch, script)
    with pytest.raises(StudyError, match=message):
        refuse_queued("small")


def test_nothing_is_started_beside_them(bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    squeue(tmp_path, monkeypatch, 'case "$*" in *--name=small*) echo 7;; esac')
    monkeypatch.setattr(launcher, "find_spec", lambda name: object())
    with pytest.raises(StudyError, match="scancel"):
        bench.run(launcher="submitit_slurm")
    assert bench.calls() == []
