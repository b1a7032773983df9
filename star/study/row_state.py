"""The state of each row of a study with each seed, as the tracking store and the run folders tell it."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from star.study.rows import Rows
from star.study.study import Row
from star.tracking.liveness import is_going_on, where_it_runs
from star.tracking.runs import RunRecord
from star.types import DIRECTIONS

State = Literal["finished", "running", "killed", "failed", "missing"]
_LONGEST_REASON = 110

HEAD = ("row", "seed", "state", "minutes", *(f"{direction} mAP" for direction in DIRECTIONS), "run", "")
NUMBERS = {1, 3, *range(4, 4 + len(DIRECTIONS))}


@dataclass(frozen=True)
class RowState:
    """One row with one seed.

    Attributes:
        row, seed: which.
        state: finished; running in some process; killed, and nobody works on it; failed; missing, nothing trained yet.
        run: the run that tells so; None where it is missing.
        note: why it failed, where it runs.
    """

    row: Row
    seed: int
    state: State
    run: RunRecord | None = None
    note: str = ""


def find_row_states(rows: Rows, records: Iterable[RunRecord]) -> list[RowState]:
    """Rows and seeds in the order of the table.

    Args:
        rows: of the study.
        records: all its runs, oldest first, whatever their status.
    """
    found: dict[tuple[str, int], list[RunRecord]] = {}
    for run in records:
        row, _ = rows.row_of(run)
        if row is not None:
            found.setdefault((row.name, int(run.tags["seed"])), []).append(run)
    study = rows.study
    return [_row_state(row, seed, found.get((row.name, seed), [])) for row in study.rows for seed in study.seeds]


def epochs_done(run: RunRecord) -> int | None:
    """Epochs in the run's last checkpoint, with which it can be continued; None without one."""
    if run.folder is None:
        return None
    for name in ("last.json", "previous.json"):
        try:
            return int(json.loads((run.folder / "checkpoints" / name).read_text())["epoch"])
        except (OSError, ValueError, KeyError):
            continue
    return None


def progress(run: RunRecord) -> str:
    """Finished epochs of a run, e.g. `epoch 3/10`; empty before the first."""
    done = epochs_done(run)
    return f"epoch {done}/{run.params.get('schedule.epochs', '?')}" if done else ""


def minutes(run: RunRecord) -> float:
    """From the start to the end of a run, or to now."""
    return (run.duration if run.duration is not None else max(0.0, time.time() - run.start)) / 60


def last_scores(run: RunRecord) -> dict[str, float]:
    """The mAP of the last ranking in percent, by direction as far as known."""
    keys = {direction: (f"final/{direction}/mAP", f"{direction}/mAP") for direction in DIRECTIONS}
    return {d: run.metrics[key] for d, both in keys.items() for key in both[::-1] if key in run.metrics}


def failure_of(folder: Path | None) -> str:
    """The last line of a failed run's traceback."""
    try:
        lines = (folder / "traceback.txt").read_text().strip().splitlines() if folder else []
    except OSError:
        lines = []
    return shorten(lines[-1].rpartition("star.errors.")[2]) if lines else "it left no traceback"


def shorten(text: str) -> str:
    """A message that fits into a line of a table."""
    return text if len(text) <= _LONGEST_REASON else text[:_LONGEST_REASON] + "..."


def _row_state(row: Row, seed: int, runs: list[RunRecord]) -> RowState:
    finished = [run for run in runs if run.status == "FINISHED"]
    if finished:
        return RowState(row, seed, "finished", finished[-1])
    alive = [run for run in runs if is_going_on(run)]
    if alive:
        return RowState(row, seed, "running", alive[-1], where_it_runs(alive[-1]))
    if not runs:
        return RowState(row, seed, "missing")
    last = runs[-1]
    if last.status == "FAILED":
        return RowState(row, seed, "failed", last, failure_of(last.folder))
    note = "its process is gone" if last.status == "RUNNING" else ""
    return RowState(row, seed, "killed", last, note)


def row_state_cells(row_state: RowState, state: str | None = None, note: str | None = None) -> list[str]:
    """The cells of `HEAD` for one row and seed; `state` and `note` instead of its own."""
    run = row_state.run
    notes = [progress(run) if run and row_state.state in ("running", "killed", "failed") else "", row_state.note]
    cells = [row_state.row.name, str(row_state.seed), state or row_state.state]
    if run is None:
        cells += [""] * (2 + len(DIRECTIONS))
    else:
        scores = last_scores(run)
        cells += [f"{minutes(run):.1f}", *(f"{scores[d]:.2f}" if d in scores else "" for d in DIRECTIONS)]
        cells += [run.run_id[:8]]
    return [*cells, "; ".join(filter(None, notes)) if note is None else note]


def aligned(rows: Sequence[Sequence[str]], numbers: set[int] = NUMBERS) -> str:
    """Lines of columns as wide as their widest cell; columns in `numbers` are aligned right."""
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    lines = [
        "  ".join(
            cell.rjust(width) if place in numbers else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    ]
    return "\n".join(line.rstrip() for line in lines)
