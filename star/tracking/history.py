"""All recorded points of a run's metrics, for curves over training."""

from __future__ import annotations

import math
import sqlite3
from contextlib import closing

from star.errors import TrackingError
from star.tracking.runs import RunRecord
from star.tracking.store import check_store, client, connect_read_only, sqlite_file, translated

History = dict[str, list[tuple[int, float]]]
"""Points (step, value) by metric, in the order of the steps; NaN where a value was not a number."""


def metric_history(uri: str, run: RunRecord, prefixes: tuple[str, ...]) -> History:
    """The points of a run's metrics.

    Args:
        uri: absolute address of the store, from `store_uri`.
        run: one of its runs.
        prefixes: only metrics whose names begin with one of them, e.g. `("loss/", "i2v/mAP")`.

    Raises:
        TrackingError: the store cannot be read.
    """
    keys = sorted(key for key in run.metrics if key.startswith(prefixes))
    path = sqlite_file(uri)
    if path is None:
        return _from_client(uri, run.run_id, keys)
    try:
        with closing(connect_read_only(path)) as connection:
            return {key: _from_sqlite(connection, run.run_id, key) for key in keys}
    except sqlite3.Error as error:
        raise TrackingError(f"the tracking store {uri} cannot be read: {error}") from error


def _from_sqlite(connection: sqlite3.Connection, run_id: str, key: str) -> list[tuple[int, float]]:
    points = connection.execute(
        "SELECT step, value, is_nan FROM metrics WHERE run_uuid = ? AND key = ? ORDER BY step, timestamp", (run_id, key)
    )
    return [(step, math.nan if is_nan else value) for step, value, is_nan in points]


def _from_client(uri: str, run_id: str, keys: list[str]) -> History:
    check_store(uri)
    with translated(uri):
        mlflow_client = client(uri)
        points = {key: mlflow_client.get_metric_history(run_id, key) for key in keys}
    return {
        key: [(point.step, point.value) for point in sorted(found, key=lambda point: (point.step, point.timestamp))]
        for key, found in points.items()
    }
