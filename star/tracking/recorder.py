"""The common part of all trackers: events go into the run's spool, and the run ends with the right status."""

from __future__ import annotations

import logging
import os
import signal
import socket
import threading
import time
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import FrameType, TracebackType
from typing import TYPE_CHECKING, Any, Literal

from star.tracking.names import WORKED_TAG, clean_name, clean_params, clean_tags
from star.tracking.spool import Spool, earlier_seconds, last_steps
from star.tracking.store import shown

if TYPE_CHECKING:
    from typing_extensions import Self

logger = logging.getLogger(__name__)

Status = Literal["FINISHED", "FAILED", "KILLED"]


class RunRecorder:
    """A run whose numbers go to its spool; the base of the trackers.

    As a context manager it ends the run: FINISHED, FAILED after an exception (its traceback is an artifact), KILLED
    after Ctrl-C or a signal that somebody has turned into SystemExit(128 + signal). It does so itself with SIGTERM
    where nobody else does.

    Args:
        run_id: id of the run in its store.
        spool: file of the events.
        known_steps: last step of each metric the run already has; a resumed run does not log those again.
    """

    def __init__(self, run_id: str, spool: Path, known_steps: Mapping[str, int] | None = None):
        self.run_id = run_id
        self._known_steps = dict(known_steps or {})
        if spool.is_file():
            for key, step in last_steps(spool).items():
                self._known_steps[key] = max(step, self._known_steps.get(key, step))
        self._spool = Spool(spool)
        self._ended = False
        self._opened = _milliseconds()
        self._handler_before: Any = None

    def log_metrics(self, metrics: Mapping[str, float], step: int) -> None:
        """Record one point of each metric; a point the run already has at this or a later step is left out."""
        values = {}
        for name, value in metrics.items():
            key = clean_name(name)
            if step > self._known_steps.get(key, step - 1):
                values[key] = float(value)
        if values:
            self._record({"event": "metrics", "time": _milliseconds(), "step": int(step), "values": values})

    def log_tags(self, tags: Mapping[str, object]) -> None:
        """Record tags; a later value replaces an earlier one."""
        self._record({"event": "tags", "values": clean_tags(tags)})

    def log_artifact(self, path: Path, folder: str = "") -> None:
        """Record a file; it is copied to the store soon after, so it must stay where it is.

        Args:
            path: the file.
            folder: folder of the run's artifacts it goes to.
        """
        self._record({"event": "artifact", "path": str(path.resolve()), "folder": folder}, urgent=True)

    def log_dataset(self, name: str, digest: str, source: str, about: Mapping[str, int | str]) -> None:
        """Record the data set of the run.

        Args:
            name: of the data set.
            digest: of its content.
            source: its folder or file.
            about: counts and the like.
        """
        self._record({"event": "dataset", "name": name, "digest": digest, "source": source, "about": dict(about)})

    def log_model(self, name: str, step: int, scores: Sequence[str], tags: Mapping[str, str]) -> None:
        """Record a checkpoint, which stays where it is.

        Args:
            name: of the checkpoint, "last" or "best".
            step: steps that its weights were trained.
            scores: metrics of the run, recorded before, that are those of these weights.
            tags: where it is and what is known of it.
        """
        event = {"event": "model", "name": name, "step": step, "scores": list(scores), "tags": dict(tags)}
        self._record(event)

    def finish(self, status: Status) -> None:
        """End the run; later calls do nothing. Waits some seconds for what is still unsent.

        A run of several processes gets the seconds they have worked as a tag: its start and end are no measure.
        """
        if self._ended:
            return
        earlier = earlier_seconds(self._spool.path)
        if earlier is not None:
            self.log_tags({WORKED_TAG: f"{earlier + (_milliseconds() - self._opened) / 1000:.3f}"})
        self._record({"event": "end", "status": status, "time": _milliseconds()})
        self._ended = True
        self._deliver_rest()
        self._spool.close()
        if self._spool.lost:
            logger.error("%d events of this run could not be written to %s", self._spool.lost, self._spool.path)

    def __enter__(self) -> Self:
        """Take SIGTERM, in the main thread only."""
        free = signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
        if free and threading.current_thread() is threading.main_thread():
            self._handler_before = signal.signal(signal.SIGTERM, self._on_sigterm)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the run with the status that the exception tells."""
        try:
            code = error.code if isinstance(error, SystemExit) else None
            if error is None or (isinstance(error, SystemExit) and not code):
                self.finish("FINISHED")
            elif isinstance(error, KeyboardInterrupt) or (isinstance(code, int) and code > 128):
                self.finish("KILLED")
            else:
                self._log_traceback(error)
                self.finish("FAILED")
        finally:
            if self._handler_before is not None:
                signal.signal(signal.SIGTERM, self._handler_before)
                self._handler_before = None

    def _record_open(self, uri: str | None, name: str, experiment: str, resumed: bool, **about: Mapping) -> None:
        self._record(
            {
                "event": "open",
                "time": _milliseconds(),
                "uri": shown(uri) if uri else None,
                "run_id": self.run_id,
                "name": name,
                "experiment": experiment,
                "resumed": resumed,
                "params": clean_params(about["params"]),
                "tags": clean_tags(about["tags"]),
            },
            urgent=resumed,
        )

    def _record(self, event: dict[str, Any], urgent: bool = False) -> None:
        if self._ended:
            logger.warning("the run has ended; `%s` was not recorded", event["event"])
            return
        self._spool.append(event)
        self._notify(urgent)

    def _notify(self, urgent: bool) -> None:
        """An event is in the spool."""

    def _deliver_rest(self) -> None:
        """The last event is in the spool."""

    def _log_traceback(self, error: BaseException) -> None:
        path = self._spool.path.with_name("traceback.txt")
        try:
            path.write_text("".join(traceback.format_exception(error)))
        except OSError as problem:
            logger.error("the traceback cannot be written to %s (%s)", path, problem)
            return
        self.log_artifact(path)

    def _on_sigterm(self, number: int, frame: FrameType | None) -> None:
        raise SystemExit(128 + number)


def run_tags(tags: Mapping[str, object], spool: Path) -> dict[str, object]:
    """The tags of a run with those every run has: its kind, its folder, its process, who started it with what."""
    user = os.environ.get("USER") or os.environ.get("LOGNAME")
    return {
        "kind": "train",
        "run_folder": str(spool.parent.resolve()),
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "mlflow.source.name": "star-train",
        **({"mlflow.user": user} if user else {}),
        **tags,
    }


def _milliseconds() -> int:
    return time.time_ns() // 1_000_000
