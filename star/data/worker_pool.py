"""Processes that read clips for the loaders of this process.

They are started as new interpreters: forking would copy a process in which MindSpore has threads, and the ways of
`multiprocessing` import the main script again, which a script must be written for. A process ends when its connection
closes, hence with this process, however that ends.
"""

from __future__ import annotations

import logging
import os
import pickle
import signal
import socket
import subprocess
import sys
import threading
import weakref
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection, wait

import numpy as np

from star.data.clip import Tally
from star.data.clip_source import ClipSource
from star.data.memory import Shape
from star.data.prefetch import Failure, Filling, divide, raise_first
from star.data.shared_memory import Place, SharedMemory
from star.data.worker import Done, Forget, NewSource, Part, not_elsewhere
from star.errors import DataError

AVAILABLE = hasattr(os, "memfd_create")
"""Whether this system has what it takes (Linux has)."""

_FEWER = "give fewer hardware.loader_workers"

_log = logging.getLogger(__name__)
_pools: weakref.WeakValueDictionary[int, WorkerPool] = weakref.WeakValueDictionary()


def shared_pool(workers: int) -> WorkerPool:
    """The pool of this process with so many workers; it ends when nobody refers to it any more.

    Raises:
        DataError: the processes cannot be started.
    """
    pool = _pools.get(workers)
    if pool is None or not pool.usable:
        pool = _pools[workers] = WorkerPool(workers)
    return pool


class WorkerPool:
    """Processes that fill batches in shared memory; safe to use from several threads.

    Args:
        workers: processes.

    Attributes:
        memory: where the batches must be.
        problem: what ended the processes; empty if nothing did.

    Raises:
        DataError: the processes cannot be started.
    """

    def __init__(self, workers: int):
        self.memory = SharedMemory()
        self.problem = ""
        self._lock = threading.RLock()
        self._workers: dict[Connection, subprocess.Popen[bytes]] = {}
        self._owner = os.getpid()
        self._close = weakref.finalize(self, _close, self._workers, self._owner)
        self._going: dict[int, ProcessWork] = {}
        self._batches = self._sources = 0
        self._forgotten: deque[int] = deque()
        try:
            for _ in range(workers):
                _start(self._workers, self.memory.file)
        except OSError as error:
            self._close()
            raise DataError(f"no process can be started to read frames ({error.strerror}); {_FEWER}") from error

    @property
    def usable(self) -> bool:
        """Whether the processes live, and are those of this process and not of one it is a fork of."""
        return self._close.alive and self._owner == os.getpid()

    def add_source(self, source: ClipSource, user: object) -> int:
        """Give the processes a source, until `user` is gone.

        Returns:
            Its number.

        Raises:
            DataError: the source cannot be pickled, or a process died.
        """
        try:
            pickled = pickle.dumps(source)
        except Exception as error:  # whatever its classes raise
            raise DataError(not_elsewhere(error)) from error
        with self._uninterrupted():
            for work in list(self._going.values()):
                work.settle()  # both ends must not wait for the other one to take a long message
            number = self._sources
            self._sources += 1
            self._send(list(self._workers), NewSource(number, pickled))
        # The garbage collector may call it anywhere, in the middle of a message too.
        weakref.finalize(user, self._forgotten.append, number).atexit = False
        return number

    def start(self, source: int, tally: Tally, filling: Filling) -> ProcessWork:
        """Begin to fill a batch.

        Args:
            source: its number.
            tally: takes what was found.
            filling: the batch, in `memory`.

        Raises:
            DataError: a process died.
        """
        clips: list[tuple[Place, Shape]] = []
        for memory in filling.clips:
            b, t, h, w, _ = memory.frames.shape
            assert memory.place is not None, "a batch outside shared memory"
            clips.append((memory.place, (b, t, h, w)))
        stop, place = self.memory.allocate(8)
        assert place is not None
        stop = stop[:8].view(np.int64)
        stop[0] = len(filling.jobs)
        with self._uninterrupted():
            while self._forgotten:
                self._send(list(self._workers), Forget(self._forgotten.popleft()))
            number = self._batches
            self._batches += 1
            parts = divide(len(filling.jobs), len(self._workers))
            work = ProcessWork(self, filling, tally, stop, len(parts))
            if parts:
                self._going[number] = work
            workers = list(self._workers)
            turn = number % len(workers)  # parts may be fewer than the processes, or of different size
            for connection, part in zip(workers[turn:] + workers[:turn], parts, strict=False):
                jobs = list(filling.jobs[part.start : part.stop])
                self._send([connection], Part(number, source, part.start, jobs, clips, place))
        return work

    def wait_for(self, work: ProcessWork) -> None:
        """Wait until the parts of a batch are done, or nobody is left to do them."""
        with self._uninterrupted():
            while work.parts and self.usable:
                for connection in wait(list(self._workers)):
                    assert isinstance(connection, Connection)
                    self._receive(connection)
                    if self.problem:
                        return

    @contextmanager
    def _uninterrupted(self) -> Iterator[None]:
        """For one thread at a time; who is interrupted here no longer knows what the processes do, so they end."""
        with self._lock:
            try:
                yield
            except BaseException:
                if not self.problem:
                    self._end("reading frames was interrupted")
                raise

    def _send(self, connections: list[Connection], message: NewSource | Forget | Part) -> None:
        for connection in connections:
            try:
                connection.send(message)
            except OSError:
                self._lose(connection)
            if self.problem:
                raise DataError(self.problem)

    def _receive(self, connection: Connection) -> None:
        try:
            done: Done = connection.recv()
        except (EOFError, OSError):  # the latter if it died in the middle of a message
            self._lose(connection)
            return
        work = self._going[done.batch]
        if done.trace:
            _log.debug("in a process that reads frames:\n%s", done.trace)
        work.parts -= 1
        work.failures.append(done.failure)
        if not work.parts:
            del self._going[done.batch]
        for found in done.found:
            work.tally.add(found)

    def _lose(self, connection: Connection) -> None:
        """A process is gone."""
        process = self._workers[connection]
        try:
            code = process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            code = 0
        how = f"was killed by signal {-code} ({signal.Signals(-code).name})" if code < 0 else f"ended with code {code}"
        hint = f"; the system does that when memory runs out: {_FEWER}" if code == -signal.SIGKILL else ""
        self._end(f"a process that reads frames ({process.pid}) {how}{hint}")

    def _end(self, problem: str) -> None:
        self.problem = self.problem or problem  # what is lost afterwards was ended here
        self._close()
        self._going.clear()


class ProcessWork:
    """A batch that processes fill.

    Args:
        pool: the processes.
        filling: the batch; its memory is not given out again while they may write to it.
        tally: takes what was found.
        stop: [1] int64 in shared memory: number of the last job to do.
        parts: how many are to be done.
    """

    def __init__(self, pool: WorkerPool, filling: Filling, tally: Tally, stop: np.ndarray, parts: int):
        self._pool, self._filling, self._stop = pool, filling, stop
        self.tally, self.parts = tally, parts
        self.failures: list[Failure | None] = []

    def drop(self) -> None:
        """See `star.data.prefetch.Work`."""
        if self._pool.usable:
            self._stop[0] = -1

    def settle(self) -> None:
        """See `star.data.prefetch.Work`."""
        self._pool.wait_for(self)

    def finish(self) -> None:
        """See `star.data.prefetch.Work`; raises DataError if a process died."""
        self.settle()
        if self.parts:
            raise DataError(self._pool.problem or "the processes that read frames were ended")
        raise_first(self.failures)


def _start(workers: dict[Connection, subprocess.Popen[bytes]], memory: int) -> None:
    """Start a process and add it to `workers`.

    In a session of its own: Ctrl-C in the terminal would reach it before it can ignore it.
    """
    ours, theirs = socket.socketpair()
    with ours, theirs:
        path = [str(folder) for folder in sys.path]
        called = f"work({theirs.fileno()}, {memory})"
        process = subprocess.Popen(
            [sys.executable, "-c", f"import sys; sys.path[:] = {path!r}; from star.data.worker import work; {called}"],
            pass_fds=(theirs.fileno(), memory),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
        )
        workers[Connection(ours.detach())] = process


def _close(workers: dict[Connection, subprocess.Popen[bytes]], owner: int) -> None:
    if os.getpid() != owner:  # a fork of the owner must leave them alone
        return
    for connection, process in workers.items():
        connection.close()
        process.kill()
    for process in workers.values():
        process.wait()
