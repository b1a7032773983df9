"""`star-stale`: runs the store has as RUNNING whose process is gone, of all studies; closed on request."""

from __future__ import annotations

import shlex
from datetime import datetime
from pathlib import Path

from star.study.row_state import aligned, progress
from star.tracking.liveness import close_killed, is_going_on, where_it_runs
from star.tracking.runs import open_runs
from star.tracking.store import existing_store, shown


def stale_runs(*, uri: str | None, outputs: Path, close: bool = False) -> str:
    """List them, with how to go on.

    Args:
        uri: address of the MLflow store; None is the one in the outputs folder.
        outputs: folder of runs and reports.
        close: end them as KILLED, after sending what their records still hold.

    Raises:
        TrackingError: the store cannot be read, or with `close` written.
    """
    address = existing_store(uri, outputs)
    running = open_runs(address)
    stale = [run for run in running if not is_going_on(run)]
    going = f"going on: {len(running) - len(stale)}"
    if not stale:
        return f"no run of {shown(address)} is stale; {going}"
    cells = [["run", "name", "study", "started", "was", "done"]]
    for run in stale:
        started = datetime.fromtimestamp(run.start).strftime("%Y-%m-%d %H:%M")
        study = run.tags.get("study", "")
        cells.append([run.run_id[:8], run.name, study, started, where_it_runs(run), progress(run)])
    lines = [aligned(cells, set()), ""]
    lines += [f"to go on: star-train resume={shlex.quote(str(run.folder))}" for run in stale if run.folder]
    if close:
        for run in stale:
            close_killed(address, run)
        lines.append(f"{len(stale)} closed as KILLED; {going}")
    else:
        lines.append(f"{len(stale)} stale, star-stale --close ends them as KILLED; {going}")
    return "\n".join(lines)
