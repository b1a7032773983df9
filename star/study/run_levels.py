"""`star-study run` and `status` of a study of levels: rank finished runs on harder clips, where that is missing."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from star.errors import ConfigError, Problem, StarError, StudyError
from star.evaluation.robustness_record import Level, levels_to_measure
from star.study.collect import collect
from star.study.level_study import LevelStudy, load_level_study
from star.study.row_state import aligned
from star.study.study import Row
from star.tracking.artifacts import own_folder
from star.tracking.runs import RunRecord, study_runs
from star.tracking.store import store_uri

logger = logging.getLogger(__name__)

_FREE = ("hardware", "dataset.root", "dataset.skeletons", "dataset.pack", "schedule.evaluation_batch")
"""Keys (and those below them) that say where and how, and change no score."""
_HEAD = ("row", "seed", "run", "levels measured", "")


class Task(NamedTuple):
    """One finished run and the levels it has not been ranked at.

    Attributes:
        row, seed, run: which.
        missing: levels; all of them where the run's folder is not here.
        note: why it cannot be ranked here; empty if it can.
    """

    row: Row
    seed: int
    run: RunRecord
    missing: list[Level]
    note: str


def run_levels(
    folder: Path,
    overrides: Sequence[str],
    *,
    size: str | None,
    uri: str | None,
    outputs: Path,
    dry_run: bool = False,
) -> tuple[str, bool]:
    """Rank the finished runs of a study at the levels that are missing.

    Args:
        folder: of study.yaml.
        overrides: where the data is and how it is read, e.g. `dataset.root=FOLDER`.
        size: of the study whose runs are ranked; None is its first.
        uri: address of the MLflow store; None is the one in the outputs folder.
        outputs: folder of runs and reports.
        dry_run: only say what is missing.

    Returns:
        What there is afterwards, as text; and whether every run of the study has been ranked at every level.

    Raises:
        ReportError: a wrong study.yaml, or runs that were not measured alike.
        ConfigError: an override that is none of where and how.
        StudyError: the study has no finished run.
        TrackingError: the store cannot be read.
    """
    foreign = [text for text in overrides if not _is_free(text)]
    if foreign:
        expected = f"only {', '.join(_FREE)}: the runs have everything else"
        raise ConfigError([Problem(text.partition("=")[0], text, expected) for text in foreign])
    study = load_level_study(folder, size)
    address = store_uri(uri, outputs)
    tasks, untrained = _tasks(study, address, outputs)
    if not tasks:
        raise StudyError(
            f"study {study.of.name} has no finished run to rank: train it first, star-study run {study.of.arguments}"
        )
    failures: dict[str, str] = {}
    for number, task in enumerate(tasks, 1):
        if dry_run or task.note or not task.missing or task.run.folder is None:
            continue
        from star.engine.measure_robustness import measure_robustness

        levels = f"{len(task.missing)} level{'s' if len(task.missing) > 1 else ''} to measure"
        logger.info("run %d of %d: %s seed %d, %s", number, len(tasks), task.row.name, task.seed, levels)
        try:
            measure_robustness(task.run.folder, study.points, overrides, uri=address)
        except StarError as error:
            logger.error("%s seed %d failed, the others go on: %s", task.row.name, task.seed, error)
            failures[task.run.run_id] = "failed, see above"
    if not dry_run:
        tasks, untrained = _tasks(study, address, outputs)
    complete = not untrained and not any(task.missing for task in tasks)
    return _described(study, tasks, untrained, failures), complete or dry_run


def status_levels(folder: Path, *, size: str | None, uri: str | None, outputs: Path) -> str:
    """The table of runs with the levels they have been ranked at.

    Args:
        folder, size, uri, outputs: see `run_levels`.

    Raises:
        ReportError: a wrong study.yaml, or runs that were not measured alike.
        TrackingError: the store cannot be read.
    """
    study = load_level_study(folder, size)
    return _described(study, *_tasks(study, store_uri(uri, outputs), outputs), {})


def _tasks(study: LevelStudy, uri: str, outputs: Path) -> tuple[list[Task], list[tuple[Row, int]]]:
    """The finished runs, and the rows and seeds that have none."""
    collected = collect(study.of, study_runs(uri, study.of.name), outputs)
    tasks = []
    for row, seed, run in collected.all:
        folder = own_folder(run)
        missing, note = list(study.points), "its folder is not on this machine"
        if folder is not None:
            try:
                missing, note = levels_to_measure(folder, study.points), ""
            except StarError as error:
                note = str(error)
        tasks.append(Task(row, seed, run, missing, note))
    return tasks, collected.missing


def _described(
    study: LevelStudy, tasks: Sequence[Task], untrained: Sequence[tuple[Row, int]], failures: dict[str, str]
) -> str:
    rows = []
    for task in tasks:
        done = f"{len(study.points) - len(task.missing)} of {len(study.points)}"
        some = 0 < len(task.missing) < len(study.points) and not task.note
        missing = f"missing: {', '.join(map(str, task.missing))}" if some else task.note
        note = failures.get(task.run.run_id, missing)
        rows.append([task.row.name, str(task.seed), task.run.run_id[:8], done, note])
    rows += [[row.name, str(seed), "", "", "not trained"] for row, seed in untrained]
    lines = [f"{study.name}: {study.title}", "", aligned([_HEAD, *rows], {1, 3}), ""]
    if untrained:
        lines.append(f"to train what is missing: star-study run {' '.join([study.of.arguments, *study.of.fill_in])}")
    if any(task.missing for task in tasks):
        lines.append(f"to measure what is missing: star-study run {study.arguments}")
    if any(len(task.missing) < len(study.points) for task in tasks):
        lines.append(f"tables and curves: star-report {study.arguments}")
    return "\n".join(lines)


def _is_free(override: str) -> bool:
    key, equals, _ = override.partition("=")
    return bool(equals) and any(key == free or key.startswith(f"{free}.") for free in _FREE)
