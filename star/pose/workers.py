"""Worker processes that estimate: each loads its own model, with one thread, and keeps what it has in its part file."""

from __future__ import annotations

import multiprocessing
import signal
import time
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import NamedTuple

import cv2

from star.data.decode import load_frame
from star.errors import DataError, StarError, ending_of
from star.pose.estimator import Estimator
from star.pose.partial_files import PartWriter
from star.pose.recipe import Recipe
from star.types import FrameSource

_REPORT_SECONDS = 0.2


class Job(NamedTuple):
    """One frame to estimate: number of the split, place in it, key."""

    split: int
    row: int
    key: str


class _Report(NamedTuple):
    """Frames looked at since the last report, and the messages of those that could not be decoded."""

    frames: int
    failures: tuple[str, ...]
    last: bool


def estimate_frames(
    recipe: Recipe,
    sources: Sequence[FrameSource],
    jobs: Sequence[Job],
    parts: Sequence[Path],
    on_progress: Callable[[int], None],
) -> list[str]:
    """Estimate the joints of all jobs in as many processes as there are parts.

    Args:
        recipe: of the estimator.
        sources: of the frames, by number of the split.
        jobs: what is to do.
        parts: new part files, one a process.
        on_progress: called with the number of frames looked at since the last call.

    Returns:
        The messages of the frames that could not be decoded.

    Raises:
        StarError: a worker could not go on, or died.
    """
    context = multiprocessing.get_context("spawn")
    workers: dict[Connection, BaseProcess] = {}
    failures: list[str] = []
    try:
        for number, part in enumerate(parts):
            ours, theirs = context.Pipe(duplex=False)
            arguments = (theirs, recipe, list(sources), jobs[number :: len(parts)], part)
            process = context.Process(target=_work, args=arguments, daemon=True)
            process.start()
            theirs.close()
            workers[ours] = process
        while workers:
            for connection in wait(list(workers)):
                assert isinstance(connection, Connection)
                report = _receive(connection, workers[connection])
                failures += report.failures
                on_progress(report.frames)
                if report.last:
                    workers.pop(connection).join()
    finally:
        for process in workers.values():
            process.terminate()
        for process in workers.values():
            process.join()
    return failures


def _receive(connection: Connection, process: BaseProcess) -> _Report:
    try:
        message = connection.recv()
    except (EOFError, OSError):  # the latter if it died in the middle of a message
        process.join()
        code = process.exitcode or 0
        hint = ": try fewer workers" if code == -signal.SIGKILL else ""
        raise StarError(f"a worker process ({process.pid}) {ending_of(code)}{hint}") from None
    if isinstance(message, StarError):
        raise message
    return message


def _work(
    connection: Connection, recipe: Recipe, sources: Sequence[FrameSource], jobs: Sequence[Job], part: Path
) -> None:
    """A worker process; Ctrl-C is the parent's to handle, and it ends when the parent is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    cv2.setNumThreads(1)
    try:
        try:
            estimator = recipe.build()
            with PartWriter(part) as writer:
                _estimate(connection, estimator, sources, jobs, writer)
        except StarError as error:
            connection.send(error)
    except BrokenPipeError:
        return


def _estimate(
    connection: Connection,
    estimator: Estimator,
    sources: Sequence[FrameSource],
    jobs: Sequence[Job],
    writer: PartWriter,
) -> None:
    failures: list[str] = []
    frames = 0
    reported = time.monotonic()
    for split, row, key in jobs:
        try:
            frame = load_frame(sources[split], key)
        except DataError as error:
            failures.append(str(error))
        else:
            try:
                joints = estimator.estimate(frame)
            except Exception as error:  # the runtimes' errors have no common base below Exception
                name = sources[split].name(key)
                raise StarError(f"{estimator.name} failed on frame {name}: {type(error).__name__}: {error}") from error
            writer.write(split, row, joints)
        frames += 1
        if time.monotonic() - reported >= _REPORT_SECONDS:
            connection.send(_Report(frames, tuple(failures), last=False))
            failures, frames, reported = [], 0, time.monotonic()
    connection.send(_Report(frames, tuple(failures), last=True))
