"""The tracking store: its address, whether it can be used, and its first creation.

A store is an SQLite file (the default), a database server or an MLflow server. Whatever is wrong with it is said
before training, in one sentence with its address, and within seconds.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import re
import socket
import sqlite3
import stat
import urllib.request
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from star.errors import TrackingError
from star.tracking.interface import TAGS, prepare_interface
from star.tracking.moved_store import ARTIFACTS, adopt_artifacts
from star.tracking.schema import check_schema

if TYPE_CHECKING:
    from mlflow import MlflowClient

logger = logging.getLogger(__name__)

CONNECT_SECONDS = 5.0
_VARIABLE = "MLFLOW_TRACKING_URI"
_DEFAULT_PORTS = {"http": 80, "https": 443, "postgresql": 5432, "mysql": 3306, "mssql": 1433}
_DATABASES = ("sqlite", "postgresql", "mysql", "mssql")
_ELSEWHERE = "choose another file with tracker.uri=sqlite:///<file>, or switch off with tracker=none"
_SETTINGS = {
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_LOGGING_LEVEL": "WARNING",
    "MLFLOW_DISABLE_TELEMETRY": "true",
}


def store_uri(uri: str | None, outputs: Path) -> str:
    """The address of the store, absolute.

    Args:
        uri: as configured; None: what `MLFLOW_TRACKING_URI` in the environment says, else the SQLite file `mlflow.db`
            in `outputs`.
        outputs: the project's output folder.

    Raises:
        TrackingError: for an address that no store can have.
    """
    name = "tracker.uri"
    if uri is None and (uri := os.environ.get(_VARIABLE)):
        name = _VARIABLE
        _say_where_from(shown(uri))
    if uri is None:
        return f"sqlite:///{(outputs / 'mlflow.db').resolve()}"
    scheme = _scheme(uri)
    if scheme == "sqlite":
        path = uri.partition("sqlite:///")[2]
        file = Path(path).expanduser().resolve()
        if not path or (re.search(r"\?\w+=", file.name) and not file.exists()):
            raise TrackingError(f"{name}: given {uri!r}, expected sqlite:///<path of a file>, without options after it")
        return f"sqlite:///{file}"
    if scheme not in _DEFAULT_PORTS and scheme != "databricks":
        raise TrackingError(
            f"{name}: given {shown(uri)!r}, expected null (an SQLite file in the output folder), "
            "sqlite:///<file>, http://<server> or the address of a database; MLflow no longer writes to plain folders"
        )
    return uri


@cache
def _say_where_from(uri: str) -> None:
    logger.warning("the tracking store is %s, from %s in the environment, because tracker.uri is null", uri, _VARIABLE)


def existing_store(uri: str | None, outputs: Path) -> str:
    """As `store_uri`, for what only reads: an SQLite file that somebody names has to be there.

    Raises:
        TrackingError: as `store_uri`, or there is no such file.
    """
    address = store_uri(uri, outputs)
    path = sqlite_file(address)
    if uri is not None and path is not None and not path.is_file():
        raise TrackingError(f"there is no tracking store {address}: expected the file that runs were written to")
    return address


def shown(uri: str) -> str:
    """The address without its password, for messages and files."""
    return re.sub(r"(?<=://)([^/@:]*):[^/@]*@", r"\1:***@", uri)


def sqlite_file(uri: str) -> Path | None:
    """The file of an SQLite address; None for other stores."""
    return Path(uri.removeprefix("sqlite:///")) if _scheme(uri) == "sqlite" else None


def connect_read_only(path: Path) -> sqlite3.Connection:
    """A connection to an SQLite file that cannot change it."""
    return sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True, timeout=CONNECT_SECONDS)


def check_store(uri: str) -> None:
    """Refuse a store that cannot be written, without importing MLflow.

    Raises:
        TrackingError: a read-only file or folder, a file that is not MLflow's database, a server that does not answer.
    """
    path = sqlite_file(uri)
    if path is None:
        _check_server(uri)
    else:
        _check_sqlite(uri, path)


def prepare_store(uri: str, experiment: str) -> str:
    """Create the store and the experiment where they are missing; several processes may do so at once.

    Artifacts of an SQLite store go to the folder `artifacts` beside its file; servers decide for themselves.

    Args:
        uri: absolute address, from `store_uri`.
        experiment: name of the MLflow experiment.

    Returns:
        The id of the experiment.

    Raises:
        TrackingError: the store cannot be used, or the experiment was deleted in it.
    """
    check_store(uri)
    path = sqlite_file(uri)
    with translated(uri), _locked(path):
        if path and not path.exists():
            _create_sqlite(path)
        mlflow_client = client(uri)
        found = mlflow_client.get_experiment_by_name(experiment)
        if path:
            adopt_artifacts(path)
        if found is None:
            artifacts = (path.parent / ARTIFACTS).as_uri() if path else None
            logger.debug("creating experiment %s in %s", experiment, shown(uri))
            return _create_experiment(mlflow_client, experiment, artifacts)
        if found.lifecycle_stage == "active":
            prepare_interface(mlflow_client, found)
    if found.lifecycle_stage == "deleted":
        raise TrackingError(
            f"the experiment {experiment!r} was deleted: restore it with `MLFLOW_TRACKING_URI={shown(uri)} mlflow "
            f"experiments restore -x {found.experiment_id}` or choose another tracker.experiment"
        )
    return found.experiment_id


def client(uri: str) -> MlflowClient:
    """A quiet MLflow client; limits on HTTP waiting hold unless the environment already has its own.

    Raises:
        TrackingError: another version of MLflow has made the store.
    """
    for name, value in _SETTINGS.items():
        os.environ.setdefault(name, value)
    logging.getLogger("urllib3.connectionpool").setLevel(logging.ERROR)
    logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)  # the traceback of each error it raises
    from mlflow import MlflowClient

    address, path = _as_sqlalchemy_reads(uri), sqlite_file(uri)
    if _scheme(uri) in _DATABASES:
        check_schema(address, shown(uri), str(path) if path else None)
    return MlflowClient(address)


def _as_sqlalchemy_reads(uri: str) -> str:
    """The address for MLflow, which takes `%41` or `?x` in the path of a file for something else than letters."""
    path = sqlite_file(uri)
    if path is None or not set("%?") & set(str(path)):
        return uri
    return f"sqlite:////proc/self/fd/{_opened(path.parent)}/{path.name}"


@cache
def _opened(folder: Path) -> int:
    """A descriptor of the folder, open until the process ends: a name for it without letters of its own."""
    return os.open(folder, os.O_PATH | os.O_DIRECTORY)


@contextlib.contextmanager
def translated(uri: str) -> Iterator[None]:
    """Turn what MLflow and its database layer raise into a TrackingError of one line with the address."""
    try:
        yield
    except TrackingError:
        raise
    except Exception as error:  # MLflow lets errors of SQLAlchemy, Alembic, requests and the drivers through
        raise TrackingError(
            f"the tracking store {shown(uri)} cannot be used: {reason_of(error)}{_proxy_hint(uri)}"
        ) from error


def reason_of(error: Exception) -> str:
    """An error of MLflow or a database in one line, without the statement that SQLAlchemy adds to it."""
    return " ".join(str(error).split()).partition(" [SQL: ")[0]


def _proxy_hint(uri: str) -> str:
    """Which proxy requests to a server go through; empty for other stores and without one."""
    host = urlsplit(uri).hostname
    proxy = urllib.request.getproxies().get(_scheme(uri))
    if host is None or proxy is None or urllib.request.proxy_bypass(host):
        return ""
    return f"; requests go through the proxy {shown(proxy)}: if it does not reach the server, set no_proxy={host}"


def _create_sqlite(path: Path) -> None:
    """Under another name first: the migrations take seconds, and a process killed within them would leave a ruin."""
    unfinished = path.with_name(path.name + ".new")
    unfinished.unlink(missing_ok=True)
    client(f"sqlite:///{unfinished}").search_experiments()
    os.replace(unfinished, path)


def _create_experiment(mlflow_client: MlflowClient, experiment: str, artifacts: str | None) -> str:
    from mlflow.exceptions import MlflowException

    try:
        return mlflow_client.create_experiment(experiment, artifact_location=artifacts, tags=TAGS)
    except MlflowException:
        made_meanwhile = mlflow_client.get_experiment_by_name(experiment)
        if made_meanwhile is None:
            raise
        return made_meanwhile.experiment_id


@contextlib.contextmanager
def _locked(path: Path | None) -> Iterator[None]:
    """Hold the lock file beside an SQLite store; nothing for other stores."""
    if path is None:
        yield
        return
    with open(path.with_name(path.name + ".lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _scheme(uri: str) -> str:
    return uri.partition(":")[0].partition("+")[0].lower() if ":" in uri else ""


def _writable(path: Path) -> bool:
    """Also False for root where nobody has the right to write: such a file was made read-only on purpose."""
    return os.access(path, os.W_OK) and bool(path.stat().st_mode & (stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH))


def _check_sqlite(uri: str, path: Path) -> None:
    advice = f"make it writable, {_ELSEWHERE}"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise TrackingError(f"the folder of the tracking store {uri} cannot be made ({error}): {advice}") from error
    if not _writable(path.parent):
        raise TrackingError(f"the folder of the tracking store {uri} is read-only: {advice}")
    if not path.exists():
        return
    if not path.is_file():
        raise TrackingError(f"the tracking store {uri} is a folder, expected an SQLite file: {advice}")
    if not _writable(path):
        raise TrackingError(f"the tracking store {uri} is read-only: {advice}")
    connection = sqlite3.connect(path, timeout=CONNECT_SECONDS, isolation_level=None)
    try:
        connection.execute("BEGIN IMMEDIATE")
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        connection.execute("ROLLBACK")
    except sqlite3.Error as error:
        raise TrackingError(f"the tracking store {uri} cannot be written ({error}): {advice}") from error
    finally:
        connection.close()
    if tables and "alembic_version" not in tables:
        raise TrackingError(f"the tracking store {uri} is a database of another program: {_ELSEWHERE}")


def _check_server(uri: str) -> None:
    scheme, parts = _scheme(uri), urlsplit(uri)
    if parts.hostname is None or scheme not in _DEFAULT_PORTS:
        return
    if _proxy_hint(uri):
        return
    port = parts.port or _DEFAULT_PORTS[scheme]
    try:
        socket.create_connection((parts.hostname, port), timeout=CONNECT_SECONDS).close()
    except OSError as error:
        raise TrackingError(
            f"no tracking server answers at {shown(uri)} ({error}): start it, correct tracker.uri, or switch off with "
            "tracker=none"
        ) from error
