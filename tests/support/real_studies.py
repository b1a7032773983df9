"""A study whose runs are trained for real, on a data set small enough for seconds."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

from support.commands import SMALL

from star.tracking.runs import RunRecord, study_runs
from star.tracking.store import store_uri

STUDY = f"""
title: Real runs
common: [{", ".join(SMALL)}, dataset=hitsz_vcm, hardware.mode=pynative, schedule.epochs=EPOCHS]
fill_in: [dataset.root=ROOT]
seeds: [SEEDS]
baseline: baseline
rows:
  - {{name: baseline, label: Baseline, experiment: baseline}}
  - {{name: mean, label: Mean, experiment: baseline, overrides: [aggregation.power=1.0]}}
columns: [i2v/mAP, v2i/mAP]
"""


def write_study(folder: Path, epochs: int, *seeds: int, rows: int = 2) -> Path:
    """Write the study below `folder` and give its own folder; with `rows=1` only of the baseline."""
    path = folder / "real"
    path.mkdir()
    text = "\n".join(line for line in STUDY.splitlines() if rows == 2 or "name: mean" not in line)
    (path / "study.yaml").write_text(text.replace("EPOCHS", str(epochs)).replace("SEEDS", ", ".join(map(str, seeds))))
    return path


def runs_in(outputs: Path) -> dict[str, RunRecord]:
    """The runs of the study, by id."""
    return {run.run_id: run for run in study_runs(store_uri(None, outputs), "real")}


def going_with_a_checkpoint(process: subprocess.Popen[str], outputs: Path) -> RunRecord:
    """The first run of a study that is going on and has a checkpoint."""
    deadline = time.monotonic() + 300
    while process.poll() is None and time.monotonic() < deadline:
        for run in runs_in(outputs).values():
            if run.status == "RUNNING" and run.folder and (run.folder / "checkpoints" / "last.json").exists():
                return run
        time.sleep(0.2)
    raise AssertionError("no run had a checkpoint")


def assert_continued(run: RunRecord, outputs: Path) -> None:
    (only,) = runs_in(outputs).values()
    assert only.run_id == run.run_id and only.status == "FINISHED" and only.folder == run.folder
    assert run.folder is not None and "continuing after epoch" in (run.folder / "train.log").read_text()
