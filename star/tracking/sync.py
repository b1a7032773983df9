"""`star-sync`: sending what ended runs could not while their store was away."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

from star.errors import TrackingError
from star.tracking.sender import replay
from star.tracking.spool import SPOOL_NAME, opening_event, unsent_events
from star.words import counted

logger = logging.getLogger(__name__)


def sync(outputs: Path, *, runs: Sequence[Path] = (), uri: str | None = None) -> str:
    """Send the events that no store has acknowledged, run by run, each in order and once.

    Args:
        outputs: folder below which spools are looked for.
        runs: folders of runs; empty: all below `outputs`.
        uri: address of the store; None: for each run the one it was opened with.

    Returns:
        What was sent, for the terminal.

    Raises:
        TrackingError: a run's folder without a spool, or runs that could not be sent; the others were.
    """
    spools = [run / SPOOL_NAME for run in runs] or sorted(outputs.rglob(SPOOL_NAME))
    missing = [str(spool.parent) for spool in spools if not spool.is_file()]
    if missing:
        raise TrackingError(f"no run's record ({SPOOL_NAME}) in {', '.join(missing)}")
    events, sent, failed = 0, 0, []
    for spool in spools:
        if not unsent_events(spool) or (not runs and not _has_a_store(spool)):
            continue
        try:
            events += replay(spool, uri)
            sent += 1
        except TrackingError as error:
            failed.append(str(error))
    text = (
        f"sent {counted(events, 'event')} of {sent} of {counted(len(spools), 'run')}"
        if sent
        else f"nothing to send (runs looked at: {len(spools)})"
    )
    if failed:
        raise TrackingError(f"{text}; {len(failed)} kept what they have: {'; '.join(dict.fromkeys(failed))}")
    return text


def _has_a_store(spool: Path) -> bool:
    """False for a run with tracker=none, which nobody asked to send."""
    return bool(opening_event(spool).get("uri"))
