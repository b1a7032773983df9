"""The plan of `star-study run`: keep, wait for, take over, continue or train, for each row and seed."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from star.config.schema import Config
from star.study.checked_study import CheckedStudy
from star.study.row_state import RowState, epochs_done, find_row_states
from star.study.rows import Rows
from star.study.study import Row
from star.tracking.artifacts import run_file
from star.tracking.fingerprint import Fingerprint, fingerprint
from star.tracking.runs import RunRecord, find_finished, study_runs

Action = Literal["keep", "wait", "take over", "resume", "train"]

_NOT_READ = ("frames", "height", "width", "augmentation")
"""Keys of `dataset` that do not change which files are read."""


@dataclass(frozen=True)
class Task:
    """What is to be done for one row and seed.

    Attributes:
        row, seed: which.
        action: keep a finished run; wait for one that is going on; take over a finished run of another study;
            resume a run from its checkpoint; train from the start.
        run: the run kept, waited for, taken over or resumed; None for a new one.
        note: why.
    """

    row: Row
    seed: int
    action: Action
    run: RunRecord | None = None
    note: str = ""


@dataclass(frozen=True)
class Plan:
    """The tasks of a study, in the order they are started: all rows with the first seed, then with the next.

    Attributes:
        checked: the study.
        tasks: one for each row and seed.
        stale: runs the store has as RUNNING whose process is gone.
        notes: what the user should know.
    """

    checked: CheckedStudy
    tasks: list[Task]
    stale: list[RunRecord]
    notes: list[str]

    @property
    def to_start(self) -> list[Task]:
        """Those that need a process."""
        return [task for task in self.tasks if task.action in ("resume", "train")]


class Planner:
    """Makes the plan of a study.

    Args:
        checked: the study.
        uri: absolute address of the store.
        outputs: folder of runs and reports.
        repeat_outdated: train again what was finished with other code or packages.
        generate: make generated data that is not on disk; otherwise no run counts as trained on it.

    Raises:
        DataError: a data set cannot be used.
        TrackingError: the store cannot be read.
    """

    def __init__(
        self, checked: CheckedStudy, uri: str, outputs: Path, *, repeat_outdated: bool = False, generate: bool = True
    ):
        self._checked, self._uri, self._outputs = checked, uri, outputs
        self._repeat_outdated, self._generate = repeat_outdated, generate
        self._data: dict[str, tuple[str, str | None] | None] = {}

    def plan(self) -> Plan:
        """Look at the store, the run folders and the data."""
        study = self._checked.study
        states = find_row_states(Rows(study, self._outputs), study_runs(self._uri, study.name))
        tasks, outdated = [], []
        for row_state in sorted(states, key=lambda row_state: study.seeds.index(row_state.seed)):
            current = self._current_fingerprint(row_state)
            tasks.append(self._task(row_state, current))
            run = row_state.run
            if tasks[-1].action == "keep" and current and run and _made_otherwise(self._fingerprint_of(run), current):
                outdated.append(row_state)
        notes = []
        if outdated:
            cells = ", ".join(f"{row_state.row.name} seed {row_state.seed}" for row_state in outdated)
            notes.append(f"finished with other code or packages, kept (--repeat-outdated trains again): {cells}")
        stale = [s.run for s in states if s.state == "killed" and s.run and s.run.status == "RUNNING"]
        return Plan(self._checked, tasks, stale, notes)

    def _task(self, row_state: RowState, current: Fingerprint | None) -> Task:
        row, seed, run = row_state.row, row_state.seed, row_state.run
        if row_state.state == "running":
            return Task(row, seed, "wait", run, row_state.note)
        note = ""
        if row_state.state == "finished" and run:
            note = self._why_again(run, current)
            if not note:
                return Task(row, seed, "keep", run)
        elsewhere = None
        if current is not None:
            experiment = self._checked.configs[row.name, seed].tracker.experiment
            elsewhere = find_finished(self._uri, experiment, current.digest)
        if elsewhere:
            return Task(row, seed, "take over", elsewhere, f"finished in study {elsewhere.tags.get('study')}")
        if row_state.state in ("killed", "failed") and run:
            continued, note = _continuation(run, self._fingerprint_of(run), current)
            if continued:
                return Task(row, seed, "resume", run, note)
        return Task(row, seed, "train", None, note)

    def _why_again(self, run: RunRecord, current: Fingerprint | None) -> str:
        """Why a finished run does not count; empty if it does."""
        trained = self._fingerprint_of(run)
        if current is None or trained is None:
            return ""
        if not trained.same_data(current):
            return f"run {run.run_id[:8]} was trained on other data"
        if trained.weights != current.weights:
            return f"run {run.run_id[:8]} began with other weights"
        if self._repeat_outdated and _made_otherwise(trained, current):
            return f"run {run.run_id[:8]} was made with other code or packages"
        return ""

    def _fingerprint_of(self, run: RunRecord) -> Fingerprint | None:
        """What the run was trained with; None where neither its folder nor its artifacts have that."""
        path = run_file(self._uri, run, "fingerprint.json", downloads=self._outputs / "reports" / ".downloads")
        try:
            return Fingerprint.load(path) if path else None
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            return None

    def _current_fingerprint(self, row_state: RowState) -> Fingerprint | None:
        """The fingerprint that a run trained now would have; None while its data are not known or not on disk."""
        config = self._checked.configs.get((row_state.row.name, row_state.seed))
        if config is None:
            return None
        dataset = {key: value for key, value in asdict(config.dataset).items() if key not in _NOT_READ}
        about = [dataset, config.debug.limit_identities, config.skeleton_graph.used]
        key = json.dumps(about, sort_keys=True, default=str)
        if key not in self._data:
            self._data[key] = self._data_fingerprint(config)
        data = self._data[key]
        return None if data is None else fingerprint(config, *data)

    def _data_fingerprint(self, config: Config) -> tuple[str, str | None] | None:
        """Of the data set and of a sample of its frames."""
        from star.data.frames_digest import frames_digest
        from star.engine.build_data import load_data

        if not self._generate and not _is_on_disk(config):
            return None
        data = load_data(config)
        return data.fingerprint, frames_digest(data)


def _is_on_disk(config: Config) -> bool:
    """False for generated data still to be generated."""
    from star.synthetic.levels import fingerprint as fingerprint_of_levels
    from star.synthetic.levels import parse_levels

    if config.dataset.kind != "synthetic":
        return True
    digest = fingerprint_of_levels(*parse_levels(config.dataset.generate or {}))
    return (Path(str(config.dataset.root)).expanduser() / digest[:16]).is_dir()


def _continuation(run: RunRecord, trained: Fingerprint | None, current: Fingerprint | None) -> tuple[bool, str]:
    """Whether a run can be continued, and what to say about it."""
    done = epochs_done(run)
    if done is None:
        return False, f"run {run.run_id[:8]} ended before its first checkpoint"
    epochs = run.params.get("schedule.epochs", "?")
    if trained is not None and trained == current:
        return True, f"after epoch {done}/{epochs}"
    note = f"run {run.run_id[:8]} ended after epoch {done}/{epochs}"
    if trained is not None and current is not None and _same_task(trained, current):
        by_hand = f"star-train resume={run.run_id[:8]} would continue it"
        return False, f"{note} with other code or packages; {by_hand}"
    return False, f"{note}, but on other data or hardware"


def _same_task(trained: Fingerprint, current: Fingerprint) -> bool:
    """Whether configuration, data and weights are those of the run."""
    return trained.same_data(current) and (trained.config, trained.weights) == (current.config, current.weights)


def _made_otherwise(trained: Fingerprint | None, current: Fingerprint) -> bool:
    """Whether code or packages have changed since."""
    return trained is not None and trained.software != current.software
