"""Readers of a loader's clips: one thread of this process, or processes that the loaders of a run share."""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor

from star.data.clip import Tally
from star.data.clip_source import ClipSource
from star.data.memory import BatchMemory
from star.data.prefetch import Batch, Filling, ThreadWork, fill_ahead
from star.data.worker_pool import AVAILABLE, WorkerPool, shared_pool

_log = logging.getLogger(__name__)


class Crew:
    """Fills the batches of one loader.

    Processes and not threads, because Python's work on a frame holds the interpreter lock. They start with the first
    batch; where they are not to be had (see `star.data.worker_pool`), threads do the work.

    Args:
        source: of the clips.
        workers: processes; 1: a thread, which needs no start.
        keep_memory: whether the memory of the batches is kept from one call of `fill` to the next.

    Attributes:
        tally: what was found so far.
    """

    def __init__(self, source: ClipSource, workers: int, *, keep_memory: bool):
        self.tally = Tally()
        self._source = source
        self._workers = workers
        self._keep_memory = keep_memory
        self._memory: BatchMemory | None = None
        self._pool: WorkerPool | None = None
        self._number = 0

    def fill(self, steps: Iterator[Callable[[BatchMemory], Filling[Batch]]]) -> Generator[Batch, None, None]:
        """Fill batches, see `star.data.prefetch.fill_ahead`.

        Args:
            steps: each gives a batch in the memory it is given.
        """
        processes = self._workers > 1 and AVAILABLE
        if self._workers > 1 and not processes:
            _log.debug("this system cannot share memory with processes as needed: %d threads", self._workers)
        yield from self._with_processes(steps) if processes else self._with_threads(steps)

    def _with_threads(self, steps: Iterator[Callable[[BatchMemory], Filling[Batch]]]) -> Generator[Batch, None, None]:
        memory = self._kept_memory(None)
        with ThreadPoolExecutor(self._workers, thread_name_prefix="star-loader") as threads:
            yield from fill_ahead(
                (lambda step=step: step(memory) for step in steps),
                lambda filling: ThreadWork(filling, self._source, self.tally, threads, self._workers),
            )

    def _with_processes(self, steps: Iterator[Callable[[BatchMemory], Filling[Batch]]]) -> Generator[Batch, None, None]:
        pool = self._pool
        if pool is None or not pool.usable:
            pool = shared_pool(self._workers)
            self._number = pool.add_source(self._source, self)
            self._pool, self._memory = pool, None
        number, memory = self._number, self._kept_memory(pool)
        yield from fill_ahead(
            (lambda step=step: step(memory) for step in steps),
            lambda filling: pool.start(number, self.tally, filling),
        )

    def _kept_memory(self, pool: WorkerPool | None) -> BatchMemory:
        memory = self._memory or BatchMemory(pool.memory.allocate if pool else None)
        if self._keep_memory:
            self._memory = memory
        return memory
