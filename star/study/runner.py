"""`star-study run`: from a study.yaml to its finished runs."""

from __future__ import annotations

import logging
import os
import shlex
from collections.abc import Sequence
from pathlib import Path

from star.config.folders import folder_options
from star.config.launchers import CLUSTERS
from star.config.typed import quoted
from star.study.checked_study import check_study, rerankings_not_made
from star.study.launcher import check_launcher, has_queue, launch, launched, multirun_of, refuse_queued
from star.study.local import STAR_TRAIN, LocalRunner, Outcome, task_overrides
from star.study.lock import study_lock
from star.study.plan import Plan, Planner, Task
from star.study.row_state import HEAD, RowState, aligned, find_row_states, row_state_cells
from star.study.rows import Rows
from star.study.study import Study, load_study
from star.tracking.liveness import close_killed
from star.tracking.runs import RunRecord, join_study, study_runs
from star.tracking.store import check_store, store_uri
from star.tracking.sweep import PARENT_VARIABLE, STUDY_VARIABLE, study_parent

logger = logging.getLogger(__name__)


def run_study(
    folder: Path,
    overrides: Sequence[str],
    *,
    size: str | None,
    uri: str | None,
    outputs: Path,
    jobs: int | None = None,
    launcher: str | None = None,
    dry_run: bool = False,
    repeat_outdated: bool = False,
    program: Sequence[str] = STAR_TRAIN,
) -> tuple[str, bool]:
    """Train what is missing of a study.

    Args:
        folder: of study.yaml.
        overrides: values for the study's `fill_in`, and for Hydra.
        size: of the study; None is its first.
        uri: address of the MLflow store; None is the one in the outputs folder.
        outputs: folder of runs and reports.
        jobs: runs at a time; None is one, or what the launcher thinks right.
        launcher: Hydra's launcher; None is processes of this one.
        dry_run: only say what would be done.
        repeat_outdated: train again what was finished with other code or packages.
        program: command that takes the overrides of a run.

    Returns:
        What was done, or with `dry_run` would be, as text; and whether nothing is left to be trained.

    Raises:
        ReportError: a wrong study.yaml, row or override; lists all of them.
        StudyError: the study is being run already or is in a cluster's queue, or the launcher is not installed.
        DataError: a data set cannot be used.
        TrackingError: the store cannot be used.
    """
    study = load_study(folder, size)
    if launcher:
        check_launcher(launcher)
    checked = check_study(study, overrides, to_show=dry_run, here=launcher not in CLUSTERS)
    for note in rerankings_not_made(checked):
        logger.warning(note)
    address = store_uri(uri, outputs)
    check_store(address)
    planner = Planner(checked, address, outputs, repeat_outdated=repeat_outdated, generate=not dry_run)
    tracker = [] if uri is None else [f"tracker.uri={quoted(address)}"]
    if dry_run:
        return _described(planner.plan(), launcher, jobs), True
    with study_lock(study, outputs) as lock:
        if launcher == "submitit_slurm":
            refuse_queued(study.name)
        plan = planner.plan()
        for note in plan.notes:
            logger.info(note)
        _settle(plan, address)
        if not plan.to_start:
            return _summary(plan, [], _row_states(study, address, outputs)), True
        experiment = next(iter(checked.configs.values())).tracker.experiment
        parent = study_parent(address, experiment, study.name)
        environment = _environment(parent, outputs, 1 if launcher in CLUSTERS else jobs or 1)
        how = {"environment": environment, "lock": lock, "program": program}
        runner = LocalRunner(plan, uri=address, outputs=outputs, tracker=tracker, **how)
        try:
            if launcher:
                multiruns = [[*arguments, *tracker] for arguments in multirun_of(plan, plan.to_start)]
                commands = launched(multiruns, launcher, jobs, checked)
                at_once = min(len(commands), jobs or len(commands)) if has_queue(launcher, checked.launcher) else 1
                launch(commands, launcher=launcher, at_once=at_once, **how)
            else:
                runner.run(jobs or 1)
        except KeyboardInterrupt:
            logger.info("\n%s", _summary(plan, runner.outcomes, _states_at_the_end(study, address, outputs)))
            logger.info("the same command once more continues")
            raise
        states = _states_at_the_end(study, address, outputs)
    complete = all(row_state.state in ("finished", "running") for row_state in states)
    return _summary(plan, runner.outcomes, states), complete


def _settle(plan: Plan, uri: str) -> None:
    """Close runs whose process is gone, and take over what another study has trained already."""
    _close(plan.stale, uri)
    for task in plan.tasks:
        if task.action == "take over" and task.run:
            logger.info("%s seed %d: run %s, %s", task.row.name, task.seed, task.run.run_id[:8], task.note)
            join_study(uri, task.run, plan.checked.study.name)


def _close(runs: Sequence[RunRecord], uri: str) -> None:
    for run in runs:
        logger.info("run %s (%s) is closed as KILLED: its process is gone", run.run_id[:8], run.name)
        close_killed(uri, run)


def _environment(parent: str, outputs: Path, jobs: int) -> dict[str, str]:
    """What the runs find: the study's parent run, the outputs folder, and a fair share of the processor's cores."""
    environment = {**os.environ, PARENT_VARIABLE: parent, STUDY_VARIABLE: parent, "STAR_OUTPUTS": str(outputs)}
    environment["PYTHONUNBUFFERED"] = "1"
    if jobs > 1:
        environment.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // jobs)))
    return environment


def _row_states(study: Study, uri: str, outputs: Path) -> list[RowState]:
    return find_row_states(Rows(study, outputs), study_runs(uri, study.name))


def _states_at_the_end(study: Study, uri: str, outputs: Path) -> list[RowState]:
    """The states after all processes have ended; runs they left open are closed."""
    left = [row_state.run for row_state in _row_states(study, uri, outputs) if row_state.state == "killed"]
    _close([run for run in left if run and run.status == "RUNNING"], uri)
    return _row_states(study, uri, outputs)


def _described(plan: Plan, launcher: str | None, jobs: int | None) -> str:
    """What a dry run prints: each task, then the commands that would train what is missing."""
    cells = [["row", "seed", "to do", "run", ""]]
    for task in plan.tasks:
        run = task.run.run_id[:8] if task.run else ""
        cells.append([task.row.name, str(task.seed), task.action, run, task.note])
    blocks = [aligned(cells, {1}), *plan.notes]
    if not plan.to_start:
        return "\n\n".join([*blocks, "nothing is to be trained"])
    multiruns = multirun_of(plan, plan.to_start)
    if launcher:
        multiruns = launched(multiruns, launcher, jobs, plan.checked)
    else:
        single = [shlex.join(["star-train", *folder_options(), *task_overrides(plan, task)]) for task in plan.to_start]
        blocks.append("\n".join(["would run:", *(f"  {line}" for line in single)]))
    head = "would run:" if launcher else "the same as Hydra multiruns:"
    command = ["star-train", *folder_options()]
    blocks.append("\n".join([head, *(f"  {shlex.join([*command, *arguments])}" for arguments in multiruns)]))
    return "\n\n".join(blocks)


def _summary(plan: Plan, outcomes: Sequence[Outcome], states: Sequence[RowState]) -> str:
    """The table at the end: every row and seed, and what this call made of it."""
    mine = {(outcome.task.row.name, outcome.task.seed): outcome for outcome in outcomes}
    before: dict[tuple[str, int], Task] = {(task.row.name, task.seed): task for task in plan.tasks}
    cells = []
    for row_state in states:
        key = (row_state.row.name, row_state.seed)
        outcome, task = mine.get(key), before[key]
        note = outcome.note if outcome else None
        if row_state.state == "finished":
            note = "before" if task.action == "keep" else task.note
        cells.append(row_state_cells(row_state, outcome.state if outcome else None, note))
    finished = sum(row_state.state == "finished" for row_state in states)
    study = plan.checked.study
    lines = [aligned([HEAD, *cells]), "", f"{finished} of {len(states)} finished"]
    if finished:
        lines.append(f"the table: star-report {study.arguments}")
    return "\n".join(lines)
