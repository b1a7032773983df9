"""SQLite stores that were moved together with the artifacts and runs beside them.

MLflow keeps the place of artifacts as an absolute path, for the experiment and for each of its runs, and would make the
old folder anew.
"""

from __future__ import annotations

import logging
import sqlite3
from contextlib import closing
from pathlib import Path
from urllib.parse import unquote, urlsplit

from star.errors import TrackingError

logger = logging.getLogger(__name__)

_OF_RUNS = ("runs", "multirun")
ARTIFACTS = "artifacts"
"""Folder beside an SQLite store."""


def artifact_folder(store: Path, location: str, of_experiment: str) -> Path | None:
    """Where the artifacts of a run are now.

    Args:
        store: the SQLite file.
        location: of the run's artifacts, as MLflow has it.
        of_experiment: of its experiment's.

    Returns:
        A folder beside the store in place of one beside a store that is gone; None if it is no folder.
    """
    path, root = _path(location), _path(of_experiment)
    if path is None or root is None or not path.is_relative_to(root) or not _was_left(store, root):
        return path
    return store.parent / ARTIFACTS / path.relative_to(root)


def run_folder(store: Path, folder: Path) -> Path:
    """Where the folder of a run is now: in the folder of a store that was moved with its runs, else where it was.

    Args:
        store: the SQLite file.
        folder: as the run's tag has it.
    """
    for place in _OF_RUNS:
        if place in folder.parts and not folder.is_dir():
            last = len(folder.parts) - 1 - folder.parts[::-1].index(place)
            moved = store.parent.joinpath(*folder.parts[last:])
            if moved.is_dir():
                return moved
    return folder


def adopt_artifacts(store: Path) -> None:
    """Let MLflow log artifacts beside a store that was moved.

    Raises:
        TrackingError: the store cannot be written.
    """
    here = (store.parent / ARTIFACTS).as_uri()
    try:
        with closing(sqlite3.connect(store)) as connection, connection:
            for experiment, location in connection.execute(
                "SELECT experiment_id, artifact_location FROM experiments"
            ).fetchall():
                root = _path(location or "")
                if root is None or not _was_left(store, root):
                    continue
                connection.execute(
                    "UPDATE experiments SET artifact_location = ? WHERE experiment_id = ?", (here, experiment)
                )
                connection.execute(
                    "UPDATE runs SET artifact_uri = ? || substr(artifact_uri, ?) "
                    "WHERE experiment_id = ? AND artifact_uri LIKE ? || '/%'",
                    (here, len(location) + 1, experiment, location),
                )
                logger.info("the store was moved: its artifacts are in %s, not %s", store.parent / ARTIFACTS, root)
    except sqlite3.Error as error:
        raise TrackingError(f"the tracking store {store} cannot be written: {error}") from error


def _path(location: str) -> Path | None:
    parts = urlsplit(location)
    return Path(unquote(parts.path)) if location and parts.scheme in ("", "file") else None


def _was_left(store: Path, root: Path) -> bool:
    """Whether a folder of artifacts lay beside a store that is elsewhere now."""
    return root.name == ARTIFACTS and root.parent != store.parent and not (root.parent / store.name).exists()
