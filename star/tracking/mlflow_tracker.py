"""The tracker of `tracker=mlflow`: spool first, then batches to an MLflow store off the training thread."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from star.errors import TrackingError
from star.tracking.names import clean_params, clean_tags
from star.tracking.parent import PARENT_TAG
from star.tracking.recorder import RunRecorder, run_tags
from star.tracking.sender import Delivery, Sender, send_rest
from star.tracking.spool import SPOOL_NAME, unsent_events
from star.tracking.store import client, prepare_store, shown, store_uri, translated

if TYPE_CHECKING:
    from mlflow import MlflowClient

logger = logging.getLogger(__name__)

DRAIN_SECONDS = 30.0


class MLflowTracker(RunRecorder):
    """A run in an MLflow store; made by `open_run`.

    Once open, no call raises or waits for the store, `finish` excepted, which waits at most `DRAIN_SECONDS`.

    Args:
        mlflow_client: client of the store.
        uri: its address.
        run_id: the run there.
        spool: file of the events.
        known_steps: see RunRecorder.
        flush_every: recorded points that are sent in one request.
    """

    def __init__(
        self,
        mlflow_client: MlflowClient,
        uri: str,
        run_id: str,
        spool: Path,
        known_steps: Mapping[str, int],
        flush_every: int,
    ):
        super().__init__(run_id, spool, known_steps)
        self.uri = uri
        try:
            delivery = Delivery(mlflow_client, run_id, spool)
        except TrackingError:
            self._spool.close()
            raise
        self._sender = Sender(delivery, shown(uri), flush_every)

    def _notify(self, urgent: bool) -> None:
        self._sender.notify(urgent)

    def _deliver_rest(self) -> None:
        self._sender.drain(DRAIN_SECONDS)
        left = unsent_events(self._spool.path)
        if left:
            logger.warning(
                "%d events of this run did not reach %s; they are kept in %s, and star-sync sends them",
                left,
                shown(self.uri),
                self._spool.path,
            )


def open_run(
    *,
    uri: str | None,
    outputs: Path,
    experiment: str,
    run_name: str,
    params: Mapping[str, Any],
    tags: Mapping[str, object],
    spool: Path,
    run_id: str | None = None,
    parent_run_id: str | None = None,
    flush_every: int = 100,
) -> MLflowTracker:
    """Create or continue a run; the store is proven to take it before this returns.

    Args:
        uri: address of the store; None: the SQLite file `mlflow.db` in `outputs`, artifacts beside it.
        outputs: the project's output folder.
        experiment: MLflow experiment, made if missing.
        run_name: as the interface shows it.
        params: at most 60 are kept (see `clean_params`); ignored when a run is continued, MLflow never changes them.
        tags: added to `kind` and `run_folder`, which every run has.
        spool: file of the events, in the run's folder.
        run_id: the run to continue; None: a new one.
        parent_run_id: run that the interface nests it under.
        flush_every: recorded points that are sent in one request.

    Raises:
        TrackingError: the store cannot be used, has no such run, or the run is going on in another process.
    """
    address = store_uri(uri, outputs)
    experiment_id = prepare_store(address, experiment)
    all_tags = run_tags(tags, spool)
    if parent_run_id:
        all_tags[PARENT_TAG] = parent_run_id
    known_steps: dict[str, int] = {}
    with translated(address):
        mlflow_client = client(address)
        if run_id is None:
            opened = _create(mlflow_client, experiment_id, run_name, params, all_tags)
        else:
            opened = run_id
            known_steps = _continue(mlflow_client, run_id, address, all_tags, spool)
    tracker = MLflowTracker(mlflow_client, address, opened, spool, known_steps, flush_every)
    tracker._record_open(address, run_name, experiment, resumed=run_id is not None, params=params, tags=all_tags)
    return tracker


def _create(
    mlflow_client: MlflowClient,
    experiment_id: str,
    run_name: str,
    params: Mapping[str, Any],
    tags: Mapping[str, object],
) -> str:
    from mlflow.entities import Param

    run = mlflow_client.create_run(experiment_id, run_name=run_name, tags=clean_tags(tags))
    mlflow_client.log_batch(run.info.run_id, params=[Param(key, value) for key, value in clean_params(params).items()])
    return run.info.run_id


def _continue(
    mlflow_client: MlflowClient, run_id: str, address: str, tags: Mapping[str, object], spool: Path
) -> dict[str, int]:
    """Send what an earlier folder of the run still holds and tag it anew; the last step of each of its metrics."""
    from mlflow.entities import RunTag
    from mlflow.exceptions import MlflowException

    try:
        run = mlflow_client.get_run(run_id)
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        raise TrackingError(f"{shown(address)} has no run {run_id}: give the id or folder of one of its runs") from None
    if run.info.lifecycle_stage == "deleted":
        restore = f"MLFLOW_TRACKING_URI={shown(address)} mlflow runs restore --run-id {run_id}"
        raise TrackingError(f"the run {run_id} was deleted: restore it with `{restore}` or start it again")
    spool_before = Path(run.data.tags.get("run_folder", spool.parent)) / SPOOL_NAME
    if spool_before.is_file() and spool_before.resolve() != spool.resolve():
        send_rest(mlflow_client, run_id, spool_before)
        run = mlflow_client.get_run(run_id)
    mlflow_client.log_batch(run_id, tags=[RunTag(key, value) for key, value in clean_tags(tags).items()])
    return {key: max(point.step for point in mlflow_client.get_metric_history(run_id, key)) for key in run.data.metrics}
