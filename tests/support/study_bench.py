"""A study whose runs are those of a stand-in for star-train."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

from star.study.checked_study import CheckedStudy
from star.study.row_state import find_row_states
from star.study.rows import Rows
from star.study.runner import run_study
from star.study.study import Study
from star.tracking.fingerprint import fingerprint
from star.tracking.runs import RunRecord, study_runs
from star.tracking.store import store_uri

STUDY = """
title: A small study
common: [dataset=synthetic, backbone=tiny, schedule=quick]
seeds: [0, 1]
baseline: own
rows:
  - {name: own, label: Baseline, experiment: baseline}
  - {name: mean, label: Mean, experiment: baseline, overrides: [aggregation.power=1.0]}
columns: [i2v/mAP, v2i/mAP]
"""
STUB = (sys.executable, str(Path(__file__).with_name("stub_train.py")))


class Bench:
    """A study with its outputs and its stand-in.

    Attributes:
        study, outputs, uri: as everywhere.
        stub: folder of the stand-in.
    """

    def __init__(self, checked: CheckedStudy, folder: Path):
        self.study: Study = checked.study
        self.outputs, self.stub = folder / "outputs", folder / "stub"
        self.uri = store_uri(None, self.outputs)
        (self.stub / "fingerprints").mkdir(parents=True)
        self.behave({})
        for (row, seed), config in checked.configs.items():
            power = "1.0" if row == "mean" else "own"
            fingerprint(config, "data").save(self.stub / "fingerprints" / f"{power}-{seed}.json")

    def behave(self, behaviour: dict[str, str]) -> None:
        """Tell the stand-in what is to happen, see there."""
        (self.stub / "behaviour.json").write_text(json.dumps(behaviour))

    def run(self, **options) -> tuple[str, bool]:
        """`star-study run`."""
        usual = {"size": None, "uri": None, "outputs": self.outputs, "program": STUB}
        return run_study(self.study.folder, [], **{**usual, **options})

    def calls(self) -> list[list[str]]:
        """The arguments of the calls of the stand-in since the last time."""
        path = self.stub / "calls.jsonl"
        lines = path.read_text().splitlines() if path.exists() else []
        path.unlink(missing_ok=True)
        return [json.loads(line) for line in lines]

    def trained(self) -> list[tuple[str, str]]:
        """Row and seed of the calls since the last time, `resume` for the row of a continued one."""
        found = []
        for call in self.calls():
            given = dict(argument.split("=", 1) for argument in call)
            row = "mean" if "aggregation.power" in given else "own"
            found.append(("resume", given["resume"]) if "resume" in given else (row, given["seed"]))
        return found

    def runs(self) -> list[RunRecord]:
        """The runs of the study in the store."""
        return study_runs(self.uri, self.study.name)

    def states(self) -> dict[tuple[str, int], str]:
        """The states that `star-study status` shows, by row and seed."""
        states = find_row_states(Rows(self.study, self.outputs), self.runs())
        return {(row_state.row.name, row_state.seed): row_state.state for row_state in states}

    def meanwhile(self, going: int, act: Callable[[list[RunRecord]], None]) -> threading.Thread:
        """Call `act` with the hanging runs, in a thread, as soon as there are so many of them."""

        def watch() -> None:
            deadline = time.monotonic() + 120
            while time.monotonic() < deadline:
                runs = [run for run in self.runs() if run.status == "RUNNING" and _hangs(run)]
                if len(runs) == going:
                    break
                time.sleep(0.2)
            try:
                assert len(runs) == going, "the runs did not begin"
                act(runs)
            except BaseException:
                os.kill(os.getpid(), signal.SIGINT)
                raise

        thread = threading.Thread(target=watch)
        thread.start()
        return thread


def _hangs(run: RunRecord) -> bool:
    return run.folder is not None and (run.folder / "hangs").exists()
