"""Runs as processes on this machine: some at a time, each in its own group, none taking the others with it."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

from star.config.typed import quoted
from star.errors import TrackingError
from star.study.interrupt import StopRequests
from star.study.plan import Plan, Task
from star.study.row_state import failure_of, last_scores, minutes, shorten
from star.study.settings import row_overrides
from star.tracking.liveness import close_killed
from star.tracking.runs import RunRecord, read_run_folder
from star.words import counted

logger = logging.getLogger(__name__)

STAR_TRAIN = (sys.executable, "-c", "from star.cli.train import train; train()")
CONSOLE = "console.log"
GRACE_SECONDS = 45.0
_POLL_SECONDS = 0.2


@dataclass(frozen=True)
class Outcome:
    """How a task ended.

    Attributes:
        task: the task.
        state: finished; failed; killed, by a signal or because all were stopped.
        run: what its folder tells; None if it never began.
        note: why it failed.
    """

    task: Task
    state: Literal["finished", "failed", "killed"]
    run: RunRecord | None
    note: str = ""


@dataclass
class _Job:
    task: Task
    folder: Path
    process: subprocess.Popen[bytes]


class LocalRunner:
    """Starts the tasks of a plan.

    Args:
        plan: what is to be done.
        uri: absolute address of the store.
        outputs: folder of runs and reports.
        tracker: overrides that lead the runs to the store.
        environment: of the runs.
        lock: descriptor of the study's lock, inherited by the runs.
        program: command that takes the overrides.
    """

    def __init__(
        self,
        plan: Plan,
        *,
        uri: str,
        outputs: Path,
        tracker: Sequence[str],
        environment: Mapping[str, str],
        lock: int,
        program: Sequence[str] = STAR_TRAIN,
    ):
        self._plan, self._uri, self._outputs = plan, uri, outputs
        self._tracker, self._environment, self._lock, self._program = tracker, environment, lock, program
        self._waiting: list[Task] = list(plan.to_start)
        self._going: list[_Job] = []
        self.outcomes: list[Outcome] = []

    def run(self, jobs: int) -> None:
        """Work on all tasks, `jobs` at a time; `outcomes` has what came of those that ended.

        Raises:
            KeyboardInterrupt: Ctrl-C or SIGTERM; the runs were ended before.
        """
        with StopRequests() as stop:
            while (self._waiting or self._going) and not stop.count:
                while self._waiting and len(self._going) < jobs:
                    self._start(self._waiting.pop(0))
                time.sleep(_POLL_SECONDS)
                self._collect()
            if stop.count:
                self._stop(stop)
                raise KeyboardInterrupt

    def _start(self, task: Task) -> None:
        overrides = task_overrides(self._plan, task)
        if task.action == "resume" and task.run and task.run.folder:
            folder = task.run.folder
        else:
            moment = datetime.now().strftime("%Y%m%d-%H%M%S-%f")
            folder = self._outputs / "runs" / f"{moment}_{task.row.name}_seed{task.seed}"
            overrides.append(f"hydra.run.dir={quoted(str(folder))}")
        folder.mkdir(parents=True, exist_ok=True)
        with open(folder / CONSOLE, "ab") as console:
            process = subprocess.Popen(
                [*self._program, *overrides, *self._tracker],
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=subprocess.STDOUT,
                env=dict(self._environment),
                start_new_session=True,
                pass_fds=[self._lock],
            )
        self._going.append(_Job(task, folder, process))
        how = f"continues {task.note}" if task.action == "resume" else "starts"
        logger.info("%s %s: %s", _name(task), how, _shown(folder / CONSOLE))

    def _collect(self) -> None:
        """Take note of the processes that have ended."""
        for job in [job for job in self._going if job.process.poll() is not None]:
            self._going.remove(job)
            outcome = self._outcome(job)
            self.outcomes.append(outcome)
            done = f"[{len(self.outcomes)}/{len(self.outcomes) + len(self._going) + len(self._waiting)}]"
            if outcome.state == "finished" and outcome.run:
                scores = ", ".join(f"{d} mAP {score:.2f}" for d, score in last_scores(outcome.run).items())
                logger.info("%s %s finished in %.1f min: %s", done, _name(job.task), minutes(outcome.run), scores)
            else:
                logger.info("%s %s %s: %s", done, _name(job.task), outcome.state, outcome.note or "was there before")

    def _outcome(self, job: _Job) -> Outcome:
        code = job.process.returncode
        try:
            run = read_run_folder(job.folder)
        except TrackingError:
            run = None
        if run is not None and run.status == "RUNNING":
            run = self._closed(job, run)
        if code == 0 and (run is None or run.status == "FINISHED"):
            return Outcome(job.task, "finished", run)
        ended_by = signal_of(code)
        if ended_by or (run is not None and run.status == "KILLED"):
            reason = f"ended by {ended_by.name if ended_by else 'a signal'}"
            memory = ", for lack of memory?" if code == -signal.SIGKILL else ""
            return Outcome(job.task, "killed", run, f"{reason}{memory}, see {_shown(job.folder / CONSOLE)}")
        reason = failure_of(job.folder) if run is not None else _last_line(job.folder / CONSOLE)
        return Outcome(job.task, "failed", run, f"{reason}, see {_shown(job.folder / CONSOLE)}")

    def _closed(self, job: _Job, run: RunRecord) -> RunRecord:
        """A run that left no end of its own is closed, here and in the store."""
        try:
            close_killed(self._uri, run)
        except TrackingError as error:
            logger.warning("%s could not be closed as KILLED: %s", _name(job.task), error)
        return read_run_folder(job.folder)

    def _stop(self, stop: StopRequests) -> None:
        """End what is going on, kindly first: the runs record that they were killed."""
        logger.info("ending %s; Ctrl-C once more kills at once", counted(len(self._going), "run"))
        self._signal(signal.SIGTERM)
        deadline = time.monotonic() + GRACE_SECONDS
        while any(job.process.poll() is None for job in self._going):
            if stop.count > 1 or time.monotonic() > deadline:
                self._signal(signal.SIGKILL)
            time.sleep(_POLL_SECONDS)
        self._collect()

    def _signal(self, number: signal.Signals) -> None:
        for job in self._going:
            if job.process.poll() is None:
                os.killpg(job.process.pid, number)


def signal_of(code: int) -> signal.Signals | None:
    """The signal that ended a process, or for which it closed itself: then it ends with 128 and its number."""
    try:
        return signal.Signals(-code if code < 0 else code - 128)
    except ValueError:
        return None


def task_overrides(plan: Plan, task: Task) -> list[str]:
    """What `star-train` is given for a task."""
    study = plan.checked.study
    if task.action == "resume" and task.run:
        return [f"resume={task.run.run_id}", *plan.checked.filled_in]
    experiment, *others = row_overrides(study, task.row)
    return [experiment, f"seed={task.seed}", *others, *plan.checked.filled_in]


def _name(task: Task) -> str:
    return f"{task.row.name} seed {task.seed}"


def _shown(path: Path) -> str:
    """Relative to the current folder where it is below it."""
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)


def _last_line(path: Path) -> str:
    """What a process said last; from an error of several lines the whole of it."""
    lines = path.read_text(errors="replace").strip().splitlines()
    first = next((place for place in reversed(range(len(lines))) if lines[place].startswith("error: ")), -1)
    return shorten(" ".join(line.strip() for line in lines[first:])) if lines else "it said nothing"
