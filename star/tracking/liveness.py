"""Runs the store has as RUNNING whose process is gone: recognised by the lock on their record, closed as KILLED.

A run's process holds a lock on its spool for as long as it lives, however it ends (`star.tracking.sender.Delivery`).
"""

from __future__ import annotations

import fcntl
import os
import socket
import time

from star.tracking.runs import RunRecord
from star.tracking.sender import send_rest
from star.tracking.spool import SPOOL_NAME, Spool, read_spool
from star.tracking.store import check_store, client, translated

OPENING_SECONDS = 10.0
"""How long a run may be in the store before it holds its lock."""
SILENCE_SECONDS = 1800.0
"""A run on another host is taken for dead when nobody holds its lock and it has recorded nothing for this long."""


def is_going_on(run: RunRecord) -> bool:
    """Whether a run has a process; True also where that cannot be told."""
    if run.status != "RUNNING":
        return False
    here = run.tags.get("host", socket.gethostname()) == socket.gethostname()
    if run.folder is None or not (run.folder / SPOOL_NAME).is_file():
        return not here or _process_exists(run.tags.get("pid", ""))
    spool = run.folder / SPOOL_NAME
    with open(spool, "rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        silent = time.time() - spool.stat().st_mtime
    if here:
        return silent < OPENING_SECONDS and _process_exists(run.tags.get("pid", ""))
    return silent < SILENCE_SECONDS


def where_it_runs(run: RunRecord) -> str:
    """Host and process of a run, as far as it says."""
    return f"process {run.tags.get('pid', 'unknown')} on {run.tags.get('host', 'an unknown host')}"


def close_killed(uri: str, run: RunRecord) -> None:
    """Send what the record of a dead run still holds; if that does not end the run, end it as KILLED.

    Args:
        uri: absolute address of the store.
        run: for which `is_going_on` was False.

    Raises:
        TrackingError: the store fails, or the run is going on after all.
    """
    check_store(uri)
    spool = None if run.folder is None else run.folder / SPOOL_NAME
    with translated(uri):
        mlflow_client = client(uri)
        if spool is None or not spool.is_file():
            mlflow_client.set_terminated(run.run_id, "KILLED")
            return
        last_sign = int(spool.stat().st_mtime * 1000)
        send_rest(mlflow_client, run.run_id, spool)
        kinds = [event.get("event") for event, _ in read_spool(spool)]
        if next((kind for kind in reversed(kinds) if kind in ("open", "end")), None) == "end":
            return
        record = Spool(spool)
        record.append({"event": "end", "status": "KILLED", "time": last_sign})
        record.close()
        send_rest(mlflow_client, run.run_id, spool)


def _process_exists(pid: str) -> bool:
    if not pid.isdigit():
        return True
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
