"""One `star-study run` for each study at a time."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import socket
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from star.errors import StudyError
from star.study.study import Study


@contextlib.contextmanager
def study_lock(study: Study, outputs: Path) -> Iterator[int]:
    """Hold the study's lock file; gives its descriptor, for the processes of the runs to inherit.

    With it a run started here holds the lock as long as it lives, also when this process is killed before it.

    Args:
        study: the study.
        outputs: folder of runs and reports.

    Raises:
        StudyError: somebody else holds it, or the folder cannot be written.
    """
    path = outputs / "studies" / study.name / "lock"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = open(path, "a+")  # noqa: SIM115 - closed below
    except OSError as error:
        raise StudyError(f"the lock file {path} cannot be written: {error.strerror}") from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StudyError(_taken(study, path)) from None
        file.truncate(0)
        started = datetime.now().isoformat(" ", "seconds")
        file.write(json.dumps({"pid": os.getpid(), "host": socket.gethostname(), "started": started}))
        file.flush()
        try:
            yield file.fileno()
        finally:
            file.truncate(0)


def _taken(study: Study, path: Path) -> str:
    try:
        holder = json.loads(path.read_text())
        who = f"process {holder['pid']} on {holder['host']} since {holder['started']}"
    except (OSError, ValueError, KeyError):
        who = "another process"
    return (
        f"study {study.name} is being run by {who}, or by runs it has started: wait for them or end them (the lock is "
        f"{path}); `star-study status {study.arguments}` shows how far they are"
    )
