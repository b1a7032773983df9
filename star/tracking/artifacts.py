"""Files of a run, from its folder or its artifacts, and what is added to a run that has ended."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from functools import cache
from pathlib import Path

from star.errors import TrackingError
from star.tracking.moved_store import adopt_artifacts, artifact_folder
from star.tracking.runs import RunRecord
from star.tracking.store import check_store, client, connect_read_only, sqlite_file, translated


def run_file(uri: str, run: RunRecord, name: str, *, downloads: Path) -> Path | None:
    """A file of a run, or None if the run has no such file that can be reached.

    Args:
        uri: absolute address of the store, from `store_uri`.
        run: the run.
        name: of the file at the top of the run's folder and of its artifacts.
        downloads: folder that keeps files fetched from a server, so that they are fetched once.

    Raises:
        TrackingError: the store cannot be read.
    """
    folder = own_folder(run)
    if folder is not None and (folder / name).is_file():
        return folder / name
    if sqlite_file(uri) is None:
        return _downloaded(uri, run, name, downloads / run.run_id)
    artifacts = _artifact_folder(uri, run)
    return artifacts / name if artifacts is not None and (artifacts / name).is_file() else None


def own_folder(run: RunRecord) -> Path | None:
    """The run's folder, if it is on this machine, under its own name or another one beside it."""
    if run.folder is None:
        return None
    if _owner(run.folder) == run.run_id:
        return run.folder
    try:
        changed = run.folder.parent.stat().st_mtime_ns
    except OSError:
        return None
    return _folders_by_run(run.folder.parent, changed).get(run.run_id)


@cache
def _folders_by_run(parent: Path, changed: int) -> dict[str, Path]:
    """Run folders by the id of their run; read again when one was added or renamed, which `changed` tells."""
    return {owner: path.parent for path in parent.glob("*/run.json") if (owner := _owner(path.parent))}


def _owner(folder: Path) -> str | None:
    """The id of the run whose folder this is."""
    try:
        return json.loads((folder / "run.json").read_text())["run_id"]
    except (OSError, ValueError, KeyError, TypeError):
        return None


def add_artifact(uri: str, run_id: str, path: Path, folder: str = "") -> None:
    """Copy a file to the artifacts of a run that has ended.

    Args:
        uri: absolute address of the store.
        run_id: the run.
        path: of the file.
        folder: of the artifacts; the top one by default.

    Raises:
        TrackingError: the store cannot be written, or has no such run.
    """
    check_store(uri)
    if store := sqlite_file(uri):
        adopt_artifacts(store)
    with translated(uri):
        client(uri).log_artifact(run_id, str(path), folder or None)


def add_metrics(uri: str, run_id: str, metrics: Mapping[str, float], step: int, tags: Mapping[str, str]) -> None:
    """Record one more point of each metric of a run that has ended, and tags.

    Args:
        uri: absolute address of the store.
        run_id: the run.
        metrics: by name.
        step: of the points.
        tags: by name; they replace those that the run has.

    Raises:
        TrackingError: the store cannot be written, or has no such run.
    """
    check_store(uri)
    with translated(uri):
        for name, value in metrics.items():
            client(uri).log_metric(run_id, name, value, step=step)
        for name, text in tags.items():
            client(uri).set_tag(run_id, name, text)


def _artifact_folder(uri: str, run: RunRecord) -> Path | None:
    path = sqlite_file(uri)
    if path is None or not path.exists():
        return None
    try:
        with closing(connect_read_only(path)) as connection:
            found = connection.execute(
                "SELECT artifact_uri, artifact_location FROM runs JOIN experiments USING (experiment_id) "
                "WHERE run_uuid = ?",
                (run.run_id,),
            ).fetchone()
    except sqlite3.Error as error:
        raise TrackingError(f"the tracking store {uri} cannot be read: {error}") from error
    return artifact_folder(path, *found) if found and all(found) else None


def _downloaded(uri: str, run: RunRecord, name: str, folder: Path) -> Path | None:
    if (folder / name).is_file():
        return folder / name
    check_store(uri)
    with translated(uri):
        mlflow_client = client(uri)
        if name not in {file.path for file in mlflow_client.list_artifacts(run.run_id)}:
            return None
        folder.mkdir(parents=True, exist_ok=True)
        return Path(mlflow_client.download_artifacts(run.run_id, name, str(folder)))
