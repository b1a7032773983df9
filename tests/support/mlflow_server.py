"""A real `mlflow server` that can be stopped and started again, and a PostgreSQL server for it."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

SECONDS_TO_START = 180
_QUIET = {"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"}


class MLflowServer:
    """`mlflow server` on a store, always at the same address.

    Args:
        store: address of the backend store.
        folder: of artifacts and log.
    """

    def __init__(self, store: str, folder: Path):
        self._port = free_port()
        self._log = folder / "server.log"
        artifacts = ("--artifacts-destination", str(folder / "artifacts"))
        address = ("--host", "127.0.0.1", "--port", str(self._port), "--workers", "1")
        self._command = [sys.executable, "-m", "mlflow", "server", "--backend-store-uri", store, *artifacts, *address]
        self._process: subprocess.Popen[bytes] | None = None
        self.uri = f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        """Start, and wait until it answers."""
        with self._log.open("ab") as output:
            self._process = subprocess.Popen(
                self._command,
                env={**os.environ, **_QUIET},
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        deadline = time.monotonic() + SECONDS_TO_START
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                break
            try:
                with urllib.request.urlopen(f"{self.uri}/health", timeout=5):
                    return
            except (urllib.error.URLError, ConnectionError, TimeoutError):
                time.sleep(0.5)
        pytest.fail(f"mlflow server does not answer: {self._log.read_text()[-2000:]}")

    def kill(self) -> None:
        """End it and its workers as a power cut would."""
        if self._process is not None and self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()


@contextmanager
def postgresql() -> Iterator[str]:
    """The address of an empty database on a server of its own; skips where PostgreSQL is not installed.

    Not in pytest's folders, which only the user who runs the tests may enter.
    """
    pytest.importorskip("psycopg", reason="pip install -e '.[server]'")
    programs = [shutil.which(name) or _debian(name) for name in ("initdb", "pg_ctl")]
    if None in programs:
        pytest.skip("PostgreSQL is not installed (Debian: apt install postgresql)")
    user = group = None
    data = Path(tempfile.mkdtemp(prefix="star-postgres-"))
    if os.geteuid() == 0:  # PostgreSQL refuses to run as root
        try:
            account = pwd.getpwnam("postgres")
        except KeyError:
            pytest.skip("PostgreSQL does not run as root, and there is no user postgres")
        user, group = account.pw_uid, account.pw_gid
        os.chown(data, user, group)
    initdb, control = map(str, programs)
    port, log = free_port(), data / "log"
    options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={data} -c fsync=off"

    def run(*command: str) -> None:
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=data, user=user, group=group)

    run(initdb, "--pgdata", str(data / "cluster"), "--username", "mlflow", "--auth", "trust", "--encoding", "UTF8")
    run(control, "--pgdata", str(data / "cluster"), "--log", str(log), "--options", options, "--wait", "start")
    try:
        yield f"postgresql+psycopg://mlflow@127.0.0.1:{port}/postgres"
    finally:
        run(control, "--pgdata", str(data / "cluster"), "--mode", "immediate", "stop")
        shutil.rmtree(data)


def free_port() -> int:
    """A port nobody listens to."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        return free.getsockname()[1]


def _debian(name: str) -> str | None:
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    return str(found[-1]) if found else None
