"""Batches filled by threads ahead of their consumer."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from typing import TypeVar

Task = Callable[[], None]
Batch = TypeVar("Batch")

_BATCHES_AHEAD = 2


def fill_ahead(steps: Iterator[Callable[[], tuple[Batch, list[Task]]]], workers: int) -> Generator[Batch, None, None]:
    """Fill batches with threads, at most two batches ahead, and yield them in order.

    The first failed task is raised as it was; closing the iterator drops what has not started and joins the threads.

    Args:
        steps: each gives an empty batch and the tasks that fill it.
        workers: threads.
    """
    pool = ThreadPoolExecutor(workers, thread_name_prefix="star-loader")
    waiting: deque[tuple[Batch, _Work]] = deque()
    try:
        for step in steps:
            batch, tasks = step()
            waiting.append((batch, _Work(tasks, pool, workers)))
            if len(waiting) > _BATCHES_AHEAD:
                yield _finished(*waiting.popleft())
        while waiting:
            yield _finished(*waiting.popleft())
    finally:
        for _, work in waiting:
            work.drop()
        pool.shutdown(wait=True, cancel_futures=True)


class _Work:
    """The tasks of one batch, each taken by the thread that is free.

    One future a thread and not one a task: every future wakes the consumer, which then takes the interpreter lock from
    the threads that decode.
    """

    def __init__(self, tasks: list[Task], pool: ThreadPoolExecutor, workers: int):
        self._left = iter(list(enumerate(tasks)))
        self._failed: list[tuple[int, BaseException]] = []
        self._futures = [pool.submit(self._run) for _ in range(min(workers, len(tasks)))]

    def drop(self) -> None:
        """Leave what has not started."""
        deque(self._left, maxlen=0)

    def finish(self) -> None:
        """Wait for all tasks; raises what the first failed one raised."""
        wait(self._futures)
        if self._failed:
            raise min(self._failed, key=lambda failure: failure[0])[1]

    def _run(self) -> None:
        for number, task in self._left:
            try:
                task()
            except BaseException as error:
                self._failed.append((number, error))
                self.drop()


def _finished(batch: Batch, work: _Work) -> Batch:
    work.finish()
    return batch
