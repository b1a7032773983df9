"""`star-study status`: rows and seeds with their state, without MindSpore."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from star.study.row_state import HEAD, aligned, find_row_states, row_state_cells
from star.study.rows import Rows
from star.study.study import load_study
from star.tracking.runs import study_runs
from star.tracking.store import existing_store


def status(folder: Path, *, size: str | None, uri: str | None, outputs: Path) -> str:
    """The table of a study's rows and seeds.

    Args:
        folder: of study.yaml.
        size: of the study; None is its first.
        uri: address of the MLflow store; None is the one in the outputs folder.
        outputs: folder of runs and reports.

    Raises:
        ReportError: a wrong study.yaml.
        TrackingError: the store cannot be read.
    """
    study = load_study(folder, size)
    states = find_row_states(Rows(study, outputs), study_runs(existing_store(uri, outputs), study.name))
    counts = Counter(row_state.state for row_state in states)
    summary = ", ".join(f"{n} {state}" for state, n in counts.items())
    lines = [f"{study.name}: {study.title}", "", aligned([HEAD, *map(row_state_cells, states)]), "", summary]
    if counts.keys() - {"finished", "running"}:
        lines.append(f"to train what is not finished: star-study run {' '.join([study.arguments, *study.fill_in])}")
    else:
        lines.append(f"the table: star-report {study.arguments}")
    return "\n".join(lines)
