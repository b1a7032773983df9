"""The local record of a run: one JSON line per event, written before anything is sent anywhere.

Events: `open` (who the run is), `dataset`, `metrics`, `tags`, `artifact`, `model`, `end`. Beside it, `<spool>.sent`
holds how many bytes of it the tracking store has acknowledged.
"""

from __future__ import annotations

import json
import logging
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

logger = logging.getLogger(__name__)

SPOOL_NAME = "events.jsonl"
Event = dict[str, Any]


class Line(NamedTuple):
    """One event of a spool.

    Attributes:
        event: the parsed line; empty where the line is damaged.
        end: offset in bytes of the next line.
    """

    event: Event
    end: int


class Spool:
    """Appends events to a file; a failing disk is logged once and counted, never raised.

    Args:
        path: the file, continued if it exists.

    Attributes:
        lost: events that could not be written.
    """

    def __init__(self, path: Path):
        self.path = path
        self.lost = 0
        self._lock = threading.Lock()
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = open(path, "ab")  # noqa: SIM115 - open as long as the run
        if self._file.tell() and not _ends_a_line(path):
            self._file.write(b"\n")

    def append(self, event: Event) -> None:
        """Write one event; it is in the file when this returns."""
        line = json.dumps(event, ensure_ascii=False).encode() + b"\n"
        try:
            with self._lock:
                self._file.write(line)
                self._file.flush()
        except (OSError, ValueError) as error:
            self.lost += 1
            if self.lost == 1:
                logger.error("the run's record %s cannot be written (%s); numbers are lost", self.path, error)

    def close(self) -> None:
        """No event can be written afterwards."""
        with self._lock:
            self._file.close()


def read_spool(path: Path, offset: int = 0) -> Iterator[Line]:
    """The complete lines from `offset` on, in order; an unfinished last line is left for later."""
    with open(path, "rb") as file:
        end = file.seek(min(offset, path.stat().st_size))
        for line in file:
            if not line.endswith(b"\n"):
                return
            end += len(line)
            yield Line(_parse(line, path), end)


def read_acknowledged(path: Path) -> int:
    """Bytes of the spool `path` that have reached the store."""
    try:
        return int(_acknowledgement(path).read_text())
    except (FileNotFoundError, ValueError):
        return 0


def write_acknowledged(path: Path, offset: int) -> None:
    """Remember that the first `offset` bytes of the spool `path` have reached the store."""
    target = _acknowledgement(path)
    fresh = target.with_name(target.name + ".new")
    fresh.write_text(str(offset))
    os.replace(fresh, target)


def unsent_events(path: Path) -> int:
    """Number of events the store has not acknowledged."""
    return sum(1 for _ in read_spool(path, read_acknowledged(path)))


def opening_event(path: Path) -> Event:
    """The first `open`: id, store and parameters of the run; empty where there is none."""
    return next((event for event, _ in read_spool(path) if event.get("event") == "open"), {})


def last_steps(path: Path) -> dict[str, int]:
    """The last step recorded for each metric."""
    steps: dict[str, int] = {}
    for event, _ in read_spool(path):
        if event.get("event") == "metrics":
            for key in event["values"]:
                steps[key] = max(steps.get(key, event["step"]), event["step"])
    return steps


def earlier_seconds(path: Path) -> float | None:
    """Seconds that a run's processes before the present one have worked on it; None where it is the first.

    Args:
        path: of the spool, whose last `open` is that of the present process.
    """
    sessions: list[tuple[int, int]] = []
    for event, _ in read_spool(path):
        if event.get("event") == "open":
            sessions.append((event["time"], event["time"]))
        elif "time" in event and sessions:
            sessions[-1] = (sessions[-1][0], event["time"])
    return sum(end - start for start, end in sessions[:-1]) / 1000 if len(sessions) > 1 else None


def _acknowledgement(path: Path) -> Path:
    return path.with_name(path.name + ".sent")


def _ends_a_line(path: Path) -> bool:
    with open(path, "rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"


def _parse(line: bytes, path: Path) -> Event:
    try:
        return json.loads(line)
    except ValueError:
        logger.warning("%s has a damaged line, left out: %.80r", path, line)
        return {}
