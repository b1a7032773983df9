"""A process that reads clips for a loader, straight into memory it shares with it (`star.data.worker_pool`)."""

from __future__ import annotations

import pickle
import signal
import traceback
from multiprocessing.connection import Connection
from typing import NamedTuple

import cv2

from star.data.clip import Found
from star.data.clip_source import ClipJob, ClipSource
from star.data.memory import Shape, clips_in, keep_freed_memory
from star.data.prefetch import Failure, fill_part
from star.data.shared_memory import Place, SharedView
from star.errors import DataError, StarError


class NewSource(NamedTuple):
    """A clip source, pickled, and its number."""

    number: int
    pickled: bytes


class Forget(NamedTuple):
    """A source that nobody needs any more."""

    number: int


class Part(NamedTuple):
    """Successive jobs of a batch, see `star.data.prefetch.fill_part`.

    Attributes:
        batch: its number.
        source: its number.
        first, jobs: the jobs and the number of the first.
        clips: place and shape of the batch's clips.
        stop: place of the number of the last job to do.
    """

    batch: int
    source: int
    first: int
    jobs: list[ClipJob]
    clips: list[tuple[Place, Shape]]
    stop: Place


class Done(NamedTuple):
    """A part that is finished or was left.

    Attributes:
        batch: its number.
        found: in each clip.
        failure: the job that failed, if one did.
        trace: where it failed.
    """

    batch: int
    found: list[Found]
    failure: Failure | None = None
    trace: str = ""


def work(connection: int, memory: int) -> None:
    """Read clips until the other end of the connection is closed, as it is when the other process ends in any way.

    Signals sent to a whole group of processes are the other process's to handle.

    Args:
        connection: descriptor of a socket.
        memory: descriptor of the shared memory.
    """
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2):
        signal.signal(number, signal.SIG_IGN)
    cv2.setNumThreads(0)
    keep_freed_memory()
    view = SharedView(memory)
    sources: dict[int, ClipSource | Exception] = {}
    try:
        with Connection(connection) as parent:
            while True:
                message = parent.recv()
                if isinstance(message, NewSource):
                    sources[message.number] = _open(message.pickled)
                elif isinstance(message, Forget):
                    del sources[message.number]
                else:
                    parent.send(_fill(message, sources[message.source], view))
    except (EOFError, ConnectionError):
        return


def _open(pickled: bytes) -> ClipSource | Exception:
    """The source, or why there is none."""
    try:
        return pickle.loads(pickled)
    except StarError as error:
        return error
    except Exception as error:  # whatever the classes in it raise when they are imported or made
        return DataError(not_elsewhere(error))


def not_elsewhere(error: Exception) -> str:
    """What to say if a source cannot be had in another process."""
    return (
        f"a data set cannot be opened in another process ({type(error).__name__}: {error}); "
        "give hardware.loader_workers=1"
    )


def _fill(part: Part, source: ClipSource | Exception, view: SharedView) -> Done:
    if isinstance(source, Exception):
        return Done(part.batch, [], (part.first, source))
    clips = [clips_in(view.array(place), shape) for place, shape in part.clips]
    stop = view.array(part.stop)[:8].view("int64")
    found: list[Found] = []
    failure = fill_part(source, part.first, part.jobs, clips, stop, found.append)
    if failure is None:
        return Done(part.batch, found)
    number, error = failure
    return Done(part.batch, found, (number, _sendable(error)), "".join(traceback.format_exception(error)))


def _sendable(error: BaseException) -> BaseException:
    try:
        return pickle.loads(pickle.dumps(error))
    except Exception:  # exceptions with arguments of their own often cannot be pickled
        return RuntimeError(f"{type(error).__name__}: {error}")
