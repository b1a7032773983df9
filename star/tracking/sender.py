"""The sender from the spool to the store: one thread, batches, short retries, nothing raised, nothing lost.

The sender reads the spool file itself, so an outage costs no memory and a later replay is the same code. A point is
sent again when an acknowledgement was lost; the store knows it by its name, step, time and value and keeps one.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from star.errors import TrackingError
from star.tracking.entities import send_dataset, send_model
from star.tracking.parent import update_parent
from star.tracking.spool import Event, opening_event, read_acknowledged, read_spool, unsent_events, write_acknowledged
from star.tracking.store import check_store, client, reason_of, shown, translated

if TYPE_CHECKING:
    from mlflow import MlflowClient

logger = logging.getLogger(__name__)

LARGEST_BATCH, SMALLEST_BATCH = 1000, 20
RETRY_SECONDS = (0.5, 2.0)
LONGEST_PAUSE = 60.0
_REFUSALS = ("INVALID_PARAMETER_VALUE", "BAD_REQUEST")
_NOT_KNOWN = ("RESOURCE_DOES_NOT_EXIST", "ENDPOINT_NOT_FOUND", "NOT_IMPLEMENTED", "PERMISSION_DENIED")
"""Of a server that is older than inputs and models of runs, or of a parent that was deleted or is somebody else's."""


class Delivery:
    """Sends the events of one spool to one run, in order, from the last acknowledged one on.

    A batch that failed is halved the next time: a busy server may need longer for many points than a request may last.

    Args:
        mlflow_client: client of the store.
        run_id: the run there.
        spool: the file; locked against other senders as long as this object is open.

    Raises:
        TrackingError: another process is sending this spool.
    """

    def __init__(self, mlflow_client: MlflowClient, run_id: str, spool: Path):
        self._client = mlflow_client
        self._run_id = run_id
        self._path = spool
        self._lock = open(spool, "rb")  # noqa: SIM115 - closed by close()
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._lock.close()
            raise TrackingError(f"{spool} is in use: its run is still going on in another process") from None
        self._offset = read_acknowledged(spool)
        self._largest = LARGEST_BATCH

    def send_pending(self) -> None:
        """Send all complete events; what was sent before an exception is acknowledged."""
        points: list[tuple[str, float, int, int]] = []
        ready = self._offset
        for event, end in read_spool(self._path, self._offset):
            if event.get("event") == "metrics":
                new = [(key, value, event["time"], event["step"]) for key, value in event["values"].items()]
                # Cut between events: what is acknowledged is a place in the file, so an event is sent whole or again.
                if points and len(points) + len(new) > self._largest:
                    self._send_points(points, ready)
                    points = []
                points += new
            else:
                self._send_points(points, ready)
                points = []
                self._send_other(event)
                self._acknowledge(end)
            ready = end
        self._send_points(points, ready)

    def close(self) -> None:
        """Let others send this spool."""
        self._lock.close()

    def _send_points(self, points: list[tuple[str, float, int, int]], end: int) -> None:
        from mlflow.entities import Metric

        for start in range(0, len(points), self._largest):
            part = [Metric(*point) for point in points[start : start + self._largest]]
            try:
                with self._refusals_skipped(f"{len(part)} metric points"):
                    self._client.log_batch(self._run_id, metrics=part)
            except Exception:  # the batch may have been too large for the store or its proxy
                self._largest = max(SMALLEST_BATCH, self._largest // 2)
                raise
        if points:
            self._acknowledge(end)

    def _send_other(self, event: Event) -> None:
        from mlflow.entities import RunTag

        kind = event.get("event")
        optional = kind in ("dataset", "model")
        with self._refusals_skipped(f"an event `{kind}`", *(_NOT_KNOWN if optional else ())):
            if kind == "tags":
                self._client.log_batch(self._run_id, tags=[RunTag(k, v) for k, v in event["values"].items()])
            elif kind == "artifact" and not Path(event["path"]).exists():
                logger.warning("artifact %s is gone and was not sent", event["path"])
            elif kind == "artifact":
                self._client.log_artifact(self._run_id, event["path"], event["folder"] or None)
            elif kind == "open" and event["resumed"]:
                self._client.update_run(self._run_id, status="RUNNING")
            elif kind == "end":
                self._client.set_terminated(self._run_id, event["status"], end_time=event["time"])
            elif kind == "dataset":
                send_dataset(self._client, self._run_id, event)
            elif kind == "model":
                send_model(self._client, self._run_id, event)
        if kind == "end":
            with self._refusals_skipped("the scores of a parent", *_NOT_KNOWN):
                update_parent(self._client, self._run_id)

    def _acknowledge(self, end: int) -> None:
        self._offset = end
        write_acknowledged(self._path, end)

    @contextlib.contextmanager
    def _refusals_skipped(self, what: str, *codes: str) -> Iterator[None]:
        """What the store will never take must not hold up the rest."""
        from mlflow.exceptions import MlflowException

        try:
            yield
        except MlflowException as error:
            if error.error_code not in (*_REFUSALS, *codes):
                raise
            logger.error("the tracking store refuses %s: %s", what, reason_of(error))


class Sender:
    """Runs a Delivery on its own thread.

    Args:
        delivery: closed when the thread ends.
        address: of the store, for messages.
        flush_every: recorded events that make it send.
        flush_seconds: it also sends after this time.
    """

    def __init__(self, delivery: Delivery, address: str, flush_every: int, flush_seconds: float = 10.0):
        self._delivery = delivery
        self._address = address
        self._flush_every = flush_every
        self._flush_seconds = flush_seconds
        self._wake = threading.Condition()
        self._points = 0
        self._urgent = False
        self._closing = False
        self._pause = 0.0
        self._thread = threading.Thread(target=self._run, name="star-tracking", daemon=True)
        self._thread.start()

    def notify(self, urgent: bool = False) -> None:
        """Tell that an event was recorded; an urgent one is sent at once."""
        with self._wake:
            self._points += 1
            self._urgent = self._urgent or urgent
            if self._urgent or self._points == self._flush_every:
                self._wake.notify()

    def drain(self, seconds: float) -> bool:
        """Send what is left and end the thread; False if that took longer than `seconds`."""
        with self._wake:
            self._closing = True
            self._wake.notify()
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while True:
            with self._wake:
                if self._pause:  # in an outage new points are no reason to try again
                    self._wake.wait_for(lambda: self._closing, timeout=self._pause)
                else:
                    self._wake.wait_for(self._has_work, timeout=self._flush_seconds)
                self._points, self._urgent, last = 0, False, self._closing
            self._attempt()
            if last:
                self._delivery.close()
                return

    def _has_work(self) -> bool:
        return self._closing or self._urgent or self._points >= self._flush_every

    def _attempt(self) -> None:
        """Send what is pending; in an outage wait longer after each failure, and say so once."""
        for seconds in (*RETRY_SECONDS, None):
            try:
                self._delivery.send_pending()
            except Exception as error:  # a tracker's failure of any kind must not end a training run
                if seconds is not None:
                    time.sleep(seconds)
                    continue
                if not self._pause:
                    logger.warning(
                        "%s does not take the numbers (%s); they are kept and sent later",
                        self._address,
                        reason_of(error)[:300],
                    )
                self._pause = min(LONGEST_PAUSE, max(5.0, 2 * self._pause))
                return
            if self._pause:
                logger.info("%s takes the numbers again", self._address)
            self._pause = 0.0
            return


def replay(spool: Path, uri: str | None = None) -> int:
    """Send the events of an ended run that its store has not acknowledged.

    Args:
        spool: the run's `events.jsonl`.
        uri: address of the store; None: the one the run was opened with.

    Returns:
        Number of events sent.

    Raises:
        TrackingError: no such spool, a run without a store, a run still going on, or a store that fails.
    """
    if not spool.is_file():
        raise TrackingError(f"there is no record of a run at {spool}")
    opened = opening_event(spool)
    uri = uri or opened.get("uri")
    if not uri or not opened.get("run_id"):
        raise TrackingError(f"the run of {spool} was made with tracker=none: there is no store to send it to")
    if ":***@" in uri:
        raise TrackingError(f"the address {uri} of the run in {spool} needs its password: give the address")
    if not unsent_events(spool):
        return 0
    check_store(uri)
    with translated(uri):
        sent = send_rest(client(uri), opened["run_id"], spool)
    logger.info("sent %d events of %s to %s", sent, spool, shown(uri))
    return sent


def send_rest(mlflow_client: MlflowClient, run_id: str, spool: Path) -> int:
    """Send what is left of an ended spool; the number of events.

    Raises:
        TrackingError: its run is going on. What the store raises comes through.
    """
    with contextlib.closing(Delivery(mlflow_client, run_id, spool)) as delivery:
        pending = unsent_events(spool)
        for seconds in (*RETRY_SECONDS, None):
            try:
                delivery.send_pending()
                break
            except Exception:
                if seconds is None:
                    raise
                time.sleep(seconds)
    return pending
